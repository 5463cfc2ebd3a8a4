import { constants } from "node:fs";
import { closeFile, openFile } from "@simpletuner-cloud/server/packaging/file-calls.ts";
import { fileSink } from "@simpletuner-cloud/server/packaging/archive-sinks.ts";
import { planDatasets } from "@simpletuner-cloud/server/packaging/dataset-plan.ts";
import { fileEntry } from "@simpletuner-cloud/server/packaging/entry-source.ts";
import { packDatasets } from "@simpletuner-cloud/server/packaging/pack-datasets.ts";
import { scanDataset } from "@simpletuner-cloud/server/packaging/scan-datasets.ts";
import { writeZip } from "@simpletuner-cloud/server/packaging/zip-writer.ts";

/**
 * One measured run in a process of its own: `packaging-child.ts write|pack <source> <target>` prints JSON. `write` is
 * what `cp -r` and `zip` do (list, read, write); `pack` is what a job does (scan, compare with the plan, write, flush
 * to disk, rename).
 */
const [mode, source = "", target = ""] = process.argv.slice(2);

async function* entries() {
  for await (const { files } of scanDataset({ datasetId: "bench", root: source })) {
    for (const file of files)
      yield fileEntry(`datasets/bench/${file.path}`, { ...file, datasetId: "bench", root: source });
  }
}

async function write(): Promise<void> {
  const fd = await openFile(target, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  await writeZip(entries(), fileSink(fd));
  await closeFile(fd);
}

const dataloader = [{ id: "bench", type: "local", instance_data_dir: source }];
const plan = mode === "pack" ? await planDatasets(dataloader) : undefined;
const rssBefore = process.memoryUsage.rss();
const startedAt = performance.now();
if (plan === undefined) await write();
else await packDatasets({ dataloader, plan, targetPath: target });
const seconds = (performance.now() - startedAt) / 1000;
const peakRssBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ seconds, peakRssBytes, rssBefore }));
