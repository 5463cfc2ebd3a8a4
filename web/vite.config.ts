import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Builds the web UI to dist/web; in development the API is the server on SIMPLETUNER_PORT (default 8001). */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2023",
    // Every asset is a file: the content security policy allows no data: scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "^/(api|docs|openapi.json|health)": `http://127.0.0.1:${process.env["SIMPLETUNER_PORT"] ?? 8001}`,
    },
  },
});
