import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Components so large that only the pages which show them load them. */
const largeComponents = /\/web\/components\/(artifact|json-view|line-chart|log-view|sample|timeline)/;

/** What nearly every page needs: one file instead of a dozen round trips. */
function isBase(moduleId: string): boolean {
  if (/\/node_modules\/(preact|@preact)\//.test(moduleId)) return true;
  if (largeComponents.test(moduleId)) return false;
  return /\/web\/([a-z-]+|components\/[a-z-]+|screens\/(shell|missing)\/(?!palette)[a-z-]+)\.tsx?$|\/contract\//.test(
    moduleId,
  );
}

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
    rolldownOptions: {
      output: {
        codeSplitting: { groups: [{ debugName: "base", name: (id) => (isBase(id) ? "base" : null) }] },
      },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      // The origin stays the browser's: the server refuses changes that come from a page of another one.
      "^/(api/|docs|openapi\\.json|health)": {
        target: `http://127.0.0.1:${process.env["SIMPLETUNER_PORT"] ?? 8001}`,
        changeOrigin: false,
      },
    },
  },
});
