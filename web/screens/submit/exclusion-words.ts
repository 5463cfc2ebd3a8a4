import { language } from "../../i18n.ts";

/** Why each exclusion rule leaves something out, in Hindi; English comes with the plan. */
const hindi: Record<string, string> = {
  git: "वर्शन कंट्रोल का डेटा",
  "env-file": "environment फ़ाइलों में पासवर्ड और कुंजियाँ होती हैं",
  ssh: "SSH कुंजियाँ और होस्ट",
  "cloud-account": "क्लाउड खाते की कुंजियाँ",
  credentials: "लॉगिन की जानकारी",
  key: "कुंजी या सर्टिफ़िकेट",
  "password-store": "पासवर्ड या निजी कुंजियाँ",
  "settings-folder": "निजी सेटिंग",
  cache: "कैश या इंस्टॉल किए गए पैकेज",
  "trainer-cache": "ट्रेनर इसे फिर बना लेता है, और इसमें इस मशीन के फ़ोल्डरों के नाम हैं",
  "system-file": "ऑपरेटिंग सिस्टम की बनाई फ़ाइल",
  hidden: "छिपी फ़ाइल या फ़ोल्डर",
  "link-outside": "लिंक जो डेटासेट के फ़ोल्डर से बाहर जाता है",
  "link-broken": "लिंक जो कहीं नहीं पहुँचता",
  "link-loop": "लिंक जो घूमकर खुद पर लौटता है",
  "link-to-folder": "इसी डेटासेट के फ़ोल्डर का लिंक, जो अपनी असली जगह से पैकेज होता है",
  "link-to-excluded": "छोड़ी गई किसी चीज़ का लिंक",
  "special-file": "साधारण फ़ाइल नहीं (socket, pipe या device)",
  "name-not-utf8": "नाम सही UTF-8 नहीं है; शामिल करने के लिए नाम बदलें",
  "configured-cache": "इस कॉन्फ़िगरेशन का कैश फ़ोल्डर",
  "server-private": "इस सर्वर का अपना डेटा",
};

/** The reason of an exclusion in the current language. */
export function exclusionReason(rule: string, reason: string): string {
  return language.value === "hi" ? (hindi[rule] ?? reason) : reason;
}
