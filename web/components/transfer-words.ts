import { words } from "../i18n.ts";

/** Texts of the bars that show the way of datasets. */
export const t = words({
  en: {
    scanning: "Reading the folders",
    packaging: "Packaging",
    sending_upload: "Uploading to Replicate",
    sending_staged: "Putting the archive where Replicate fetches it",
    sending_hub: "Sending to Hugging Face",
    waiting: "next",
    percent: "{n} %",
    bar_name: "{step}: {name}",
    files_of: "{done} of {total} files",
    bytes_of: "{done} of {total}",
    speed: "{size}/s",
    left: "{time} left",
  },
  hi: {
    scanning: "फ़ोल्डर पढ़े जा रहे हैं",
    packaging: "पैकेज बन रहा है",
    sending_upload: "Replicate पर अपलोड हो रहा है",
    sending_staged: "आर्काइव वहाँ रखा जा रहा है जहाँ से Replicate उसे लेगा",
    sending_hub: "Hugging Face पर भेजा जा रहा है",
    waiting: "इसके बाद",
    percent: "{n}%",
    bar_name: "{step}: {name}",
    files_of: "{total} में से {done} फ़ाइलें",
    bytes_of: "{total} में से {done}",
    speed: "{size}/से॰",
    left: "{time} बाकी",
  },
});
