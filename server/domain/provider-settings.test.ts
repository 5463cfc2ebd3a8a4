import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { hardwareId } from "./hardware-id.ts";
import { changedSettings, type SettingChange, settingsOf, shownSettings } from "./provider-settings.ts";

const hardware = ["h100", "h100-x2", "l40s"];
const defaults = {
  model: "simpletuner/advanced-trainer-h100",
  publicUrl: null,
  verifyTls: true,
  caBundlePath: null,
  proxyUrl: null,
  timeoutMs: 30_000,
};
const after = (change: SettingChange, before = {}) => changedSettings(before, change, hardware);
const refusal = (change: SettingChange, before = {}): string => {
  try {
    return `accepted ${JSON.stringify(after(change, before).values)}`;
  } catch (error) {
    assert.ok(error instanceof Failure && error.code === "validation_error", String(error));
    return error.message;
  }
};

describe("settings of a provider", () => {
  test("each value is brought into one form, and a wrong one is refused by the name of its field", () => {
    const good: [SettingChange, unknown][] = [
      [{ webhook_url: " https://a.example.org/ " }, { webhook_url: "https://a.example.org" }],
      [
        { webhook_url: "https://a.example.org/x/api/webhooks/replicate" },
        { webhook_url: "https://a.example.org/x" },
      ],
      [{ proxy_url: "http://proxy:8080" }, { proxy_url: "http://proxy:8080" }],
      [{ hardware_profile: "2x_H100" }, { hardware_profile: "h100-x2" }],
      [
        { webhook_allowed_ips: ["10.0.0.0/8", "2001:db8::/32", "10.0.0.0/8", "1.2.3.4"] },
        { webhook_allowed_ips: ["10.0.0.0/8", "2001:db8::/32", "1.2.3.4"] },
      ],
      [
        { hardware_info: { "gpu-l40s": { cost_per_second: 0.001 }, "a/b": { cost_per_second: 0 } } },
        { hardware_info: { l40s: { cost_per_second: 0.001 }, "a/b": { cost_per_second: 0 } } },
      ],
    ];
    for (const [change, values] of good) assert.deepEqual(after(change).values, values);
    for (const [field, ...wrong] of [
      ["webhook_url", "train.example.org", "ftp://a", "https://u:p@a", "https://a?x=1"],
      ["s3_public_url", "javascript:alert(1)"],
      ["proxy_url", "socks5://a:1", "http://a:1/path", "a:1"],
      ["hardware_profile", "h9000"],
      ["version_override", "trainer", "a/b:1234", "a/b/c"],
    ] as const)
      for (const value of wrong) assert.match(refusal({ [field]: value }), new RegExp(`^${field}: `), value);
    for (const range of ["10.0.0.0/33", "010.1.1.1", "10.0.0", "::1/129", "fe80::1%eth0", "1.2.3.4/8/8", "x"])
      assert.match(refusal({ webhook_allowed_ips: [range] }), /^webhook_allowed_ips: /, range);
    assert.match(
      refusal({ hardware_info: { h9000: { cost_per_second: 1 } } }),
      /^hardware_info\.h9000: "h9000" is not one of/,
    );
  });

  test("null and the empty text clear, what is left out stays, and only what differs is named", () => {
    const before = { ssl_verify: false, http_timeout: 60, proxy_url: "http://p:1" };
    assert.deepEqual(after({ ssl_verify: null, proxy_url: " ", http_timeout: 60 }, before), {
      values: { http_timeout: 60 },
      names: ["ssl_verify", "proxy_url"],
    });
  });

  test("the hidden password of an answer keeps the stored one, but is never sent to another proxy", () => {
    const before = { proxy_url: "http://ada:pass%40word@proxy:8080" };
    const shown = shownSettings(before, defaults).proxy_url;
    assert.equal(shown, "http://ada:***@proxy:8080");
    assert.deepEqual(after({ proxy_url: shown, http_timeout: 5 }, before).names, ["http_timeout"]);
    assert.match(refusal({ proxy_url: "http://ada:***@other:8080" }, before), /^proxy_url: \*\*\* stands/);
    assert.match(refusal({ proxy_url: "http://ada:***@proxy:8080" }), /^proxy_url: \*\*\* stands/);
    assert.doesNotMatch(refusal({ proxy_url: "socks5://ada:secret@proxy:1" }), /secret/);
    assert.doesNotMatch(refusal({ webhook_url: "https://ada:secret@host" }), /secret/);
  });

  test("defaults hold where nothing is set; the storage address follows the public one and can be switched off", () => {
    const none = settingsOf({}, defaults);
    assert.deepEqual(
      [none.webhookUrl, none.storageUrl, none.webhookRequireSignature, none.webhookRateLimit, none.timeoutMs],
      [null, null, true, { max: 100, windowSeconds: 60 }, 30_000],
    );
    const set = { webhook_url: "https://a.example.org", http_timeout: 1.5 };
    const some = settingsOf(set, { ...defaults, publicUrl: "https://b.example.org" });
    assert.deepEqual(
      [some.webhookUrl, some.storageUrl, some.timeoutMs],
      ["https://a.example.org", "https://a.example.org", 1_500],
    );
    assert.equal(settingsOf({ ...set, s3_endpoint_enabled: false }, defaults).storageUrl, null);
    const price = settingsOf({ hardware_info: { h100: { cost_per_second: 0.001525 } } }, defaults);
    assert.equal(price.hardwarePrices.get("h100")?.nanoUsdPerSecond, 1_525_000);
  });

  test("hardware goes by many names", () => {
    for (const name of ["h100", "H100", "1xh100", "1x-h100", "h100-x1", "advanced_trainer_h100", "gpu-h100"])
      assert.equal(hardwareId(name), "h100", name);
    for (const name of ["l40s-x4", "4xl40s", "4x_L40S", "simpletuner/advanced-trainer-l40s-x4"])
      assert.equal(hardwareId(name), "l40s-x4", name);
    assert.equal(hardwareId("somebody/trainer"), "somebody/trainer");
  });
});
