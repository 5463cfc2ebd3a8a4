import { words } from "../../i18n.ts";

/** Texts of the tunnel's panel. */
export const t = words({
  en: {
    title: "Tunnel",
    about:
      "No public address? A tunnel gives this server one for as long as it runs: nothing to open in the router, nothing to pay.",
    off: "Off",
    starting: "Waiting for an address…",
    running: "On",
    failed: "It did not work",
    start: "Start {program}",
    stop: "Stop the tunnel",
    start_title: "Let the internet reach this server?",
    start_text:
      "Everybody who learns the address gets to the sign-in page. Only people with an account, or the access token that the server prints, get further. The address is another at each start.",
    keep: "Not now",
    act: "Start the tunnel",
    url: "Public address",
    copy: "Copy the address",
    used: "Providers are given this address for webhooks and uploads.",
    instead: "Not used: {url} is set as the public address. Clear it to use the tunnel's.",
    restarts_one: "Started again once.",
    restarts_other: "Started again {n} times.",
    get: "Get {program}",
    missing: "Install one of these on the server, then come back. cloudflared needs no account.",
    limits:
      "Good for trying things out. For steady use set an address of your own: a tunnel's changes at each start, and cloudflared passes on at most 100 MB at once.",
  },
  hi: {
    title: "टनल",
    about: "सार्वजनिक पता नहीं है? टनल चलने तक इस सर्वर को एक पता देती है: राउटर में कुछ खोलना नहीं, कुछ देना नहीं।",
    off: "बंद",
    starting: "पते की प्रतीक्षा…",
    running: "चालू",
    failed: "काम नहीं किया",
    start: "{program} शुरू करें",
    stop: "टनल बंद करें",
    start_title: "इंटरनेट को इस सर्वर तक पहुँचने दें?",
    start_text:
      "जिसे भी पता मिले वह साइन-इन पेज तक पहुँचता है। आगे केवल वे जाते हैं जिनका खाता है, या जिनके पास सर्वर का छापा ऐक्सेस टोकन है। हर शुरुआत पर पता नया होता है।",
    keep: "अभी नहीं",
    act: "टनल शुरू करें",
    url: "सार्वजनिक पता",
    copy: "पता कॉपी करें",
    used: "प्रोवाइडर को वेबहुक और अपलोड के लिए यही पता दिया जाता है।",
    instead: "इस्तेमाल में नहीं: सार्वजनिक पता {url} सेट है। टनल का पता इस्तेमाल करने के लिए उसे हटाएँ।",
    restarts_one: "एक बार फिर शुरू हुई।",
    restarts_other: "{n} बार फिर शुरू हुई।",
    get: "{program} पाएँ",
    missing: "इनमें से एक सर्वर पर इंस्टॉल करें, फिर लौटें। cloudflared को खाते की ज़रूरत नहीं।",
    limits:
      "आज़माने के लिए अच्छी। रोज़ के काम के लिए अपना पता सेट करें: टनल का पता हर शुरुआत पर बदलता है, और cloudflared एक बार में अधिकतम 100 MB भेजती है।",
  },
});
