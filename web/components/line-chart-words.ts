import { words } from "../i18n.ts";

/** Texts of charts. */
export const t = words({
  en: {
    step: "Step",
    summary:
      "{name}: from {first} at step {firstStep} to {last} at step {lastStep}. Lowest {min} at step {minStep}, highest {max} at step {maxStep}.",
    summary_none: "{name}: nothing measured in this range.",
    table: "Show as a table",
    table_part: "{rows} of {total} measured points, at even distances. The CSV file has all of them.",
    raw: "measured",
    smooth: "smoothed",
    checkpoint: "Checkpoint",
    sample: "Samples",
    drag_hint: "Drag over the chart to look closer.",
  },
  hi: {
    step: "स्टेप",
    summary:
      "{name}: स्टेप {firstStep} पर {first} से स्टेप {lastStep} पर {last} तक। सबसे कम {min} (स्टेप {minStep}), सबसे ज़्यादा {max} (स्टेप {maxStep})।",
    summary_none: "{name}: इस हिस्से में कोई माप नहीं है।",
    table: "तालिका में दिखाएँ",
    table_part: "{total} में से {rows} माप, बराबर दूरी पर। CSV फ़ाइल में सभी हैं।",
    raw: "मापा गया",
    smooth: "स्मूद",
    checkpoint: "चेकपॉइंट",
    sample: "नमूने",
    drag_hint: "क़रीब से देखने के लिए चार्ट पर खींचें।",
  },
});
