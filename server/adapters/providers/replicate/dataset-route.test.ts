import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { replicateRoute, type RouteCircumstances } from "./dataset-route.ts";
import { hubEntry } from "./hub-entry.ts";

const folder = {
  id: "pictures",
  type: "local",
  instance_data_dir: "/data/pictures",
  caption_strategy: "textfile",
  resolution: 512,
  resolution_type: "pixel_area",
  crop: true,
  crop_aspect: "square",
  crop_style: "center",
  repeats: 4,
  probability: 0.5,
  cache_dir_vae: "cache/pictures/vae",
};
const stands: RouteCircumstances = {
  takes: "hub",
  hasHubToken: true,
  staging: null,
  uploadLimitBytes: 100 << 20,
};

function route(
  dataloader: Record<string, unknown>[],
  circumstances: Partial<RouteCircumstances> = {},
  more: { config?: Record<string, unknown>; archiveBytes?: number; files?: number } = {},
) {
  const question = { config: {}, archiveBytes: 1_000, files: 2, ...more, dataloader };
  return replicateRoute(question, { ...stands, ...circumstances });
}

describe("the way of datasets to a trainer at Replicate", () => {
  test("the public trainer gets them through the Hub, several as well", () => {
    const { way, refusal, limitBytes, destination } = route([folder, { ...folder, id: "more" }]);
    assert.deepEqual([way, refusal, limitBytes], ["hub", null, null]);
    assert.match(destination, /Hugging Face/);
  });

  test("datasets that lie elsewhere need nothing of this machine, and no token", () => {
    const remote = { id: "r", type: "huggingface", dataset_name: "ada/cats" };
    const off = { ...folder, disabled: true };
    const cache = { id: "t", type: "local", dataset_type: "text_embeds", cache_dir: "cache/text" };
    const { way, refusal } = route([remote, off, cache], { hasHubToken: false });
    assert.deepEqual([way, refusal], ["nothing", null]);
  });

  test("what would not be trained on is refused with the dataset, the setting and the ways out", () => {
    const refusals: [Record<string, unknown>, RegExp][] = [
      [{ dataset_type: "video" }, /dataset "pictures" is of the type video/],
      [{ dataset_type: "conditioning" }, /type conditioning/],
      [{ conditioning_data: "masks" }, /sets conditioning_data/],
      [{ metadata_backend: "parquet" }, /metadata_backend parquet/],
      [{ caption_strategy: "parquet" }, /caption strategy parquet; use textfile/],
      [{ grounding: { enabled: true } }, /sets grounding/],
    ];
    for (const [fields, expected] of refusals) {
      const { refusal } = route([{ ...folder, ...fields }]);
      assert.equal(refusal?.code, "datasets_not_carried", JSON.stringify(fields));
      assert.match(refusal?.message ?? "", expected);
      assert.match(refusal?.message ?? "", /Choose another provider.*REPLICATE_DATASETS=archive/);
    }
    assert.match(route([folder], { hasHubToken: false }).refusal?.message ?? "", /Set HF_TOKEN/);
    const own = { config: { hub_token: "hf_x" } };
    assert.match(route([folder], {}, own).refusal?.message ?? "", /Take hub_token out/);
    assert.match(route([folder], {}, { files: 100_001 }).refusal?.message ?? "", /100001 files/);
  });

  test("a trainer that unpacks gets an archive up to the limit; a larger one is fetched, or refused with both sizes", () => {
    const takes = "archive" as const;
    const limit = 100 << 20;
    const small = route([folder], { takes, hasHubToken: false }, { archiveBytes: limit });
    assert.deepEqual([small.way, small.refusal, small.limitBytes], ["upload", null, limit]);
    const large = route([folder], { takes }, { archiveBytes: limit + 1 });
    assert.equal(large.refusal?.code, "archive_over_limit");
    assert.match(
      large.refusal?.message ?? "",
      /101 MiB.*100 MiB.*SIMPLETUNER_PUBLIC_URL.*SIMPLETUNER_STAGING_URL/,
    );
    for (const staging of ["server", "bucket"] as const) {
      const fetched = route([folder], { takes, staging }, { archiveBytes: limit + 1 });
      assert.deepEqual([fetched.way, fetched.refusal, fetched.limitBytes], ["staged", null, null]);
    }
  });

  test("what the trainer overrides, and what stays here, is told; a path it cannot do without is refused", () => {
    const config = {
      enable_nsfw_check: false,
      webhook_config: [{ url: "https://a" }],
      logging_dir: "/home/ada/logs",
      output_dir: "/home/ada/out",
    };
    const { notes, refusal } = route([{ ...folder, delete_unwanted_images: true }], {}, { config });
    assert.equal(refusal, null);
    assert.deepEqual(
      notes.map(({ code, field }) => [code, field]),
      [
        ["hub_token_sent", null],
        ["hub_read_only", "delete_unwanted_images"],
        ["nsfw_check", null],
        ["option_overridden", "enable_nsfw_check"],
        ["webhook_replaced", "webhook_config"],
        ["path_not_carried", "logging_dir"],
      ],
    );
    const bound = { config: { pretrained_model_name_or_path: "/models/flux" } };
    assert.match(route([folder], {}, bound).refusal?.message ?? "", /pretrained_model_name_or_path/);
    const named = { config: { lora_type: "lycoris", lycoris_config: "config/lycoris.json" } };
    assert.match(route([folder], {}, named).refusal?.message ?? "", /put the JSON/);
    const inline = { config: { lora_type: "lycoris", lycoris_config: { algo: "lokr" } } };
    assert.equal(route([folder], {}, inline).refusal, null);
  });

  test("the entry of a repository keeps every setting of the folder's", () => {
    const place = { repo: "ada/x", revision: "abc", captionColumns: ["caption"] };
    const { instance_data_dir: _, ...settings } = folder;
    assert.deepEqual(hubEntry({ ...folder, metadata_backend: "discovery" }, {}, place), {
      ...settings,
      type: "huggingface",
      dataset_name: "ada/x",
      split: "train",
      revision: "abc",
      image_column: "image",
      metadata_backend: "huggingface",
      caption_strategy: "huggingface",
      huggingface: { caption_column: "caption" },
    });
    const prompt = hubEntry(
      { ...folder, caption_strategy: undefined },
      { caption_strategy: "instanceprompt" },
      place,
    );
    assert.equal(prompt["caption_strategy"], "instanceprompt");
  });
});
