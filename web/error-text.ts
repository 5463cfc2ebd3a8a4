import type { ErrorCode } from "@simpletuner-cloud/contract/errors.ts";
import { ApiError } from "./api.ts";
import { language } from "./i18n.ts";

/** Hindi sentences of the server's error codes; `{name}` is filled from the error's details. */
const hindi: Partial<Record<ErrorCode | "unreachable", string>> = {
  unreachable: "सर्वर से जवाब नहीं मिल रहा है। देखें कि वह चल रहा है, फिर दोबारा कोशिश करें।",
  authentication_error: "आगे बढ़ने के लिए साइन इन करें।",
  permission_denied: "इसके लिए {permission} अनुमति चाहिए। किसी एडमिन से माँगें।",
  validation_error: "{field}: {problem}",
  body_too_large: "अनुरोध {limit_bytes} बाइट से बड़ा है।",
  not_found: "{path} पर कुछ नहीं है।",
  job_not_found: "{job_id} नाम का कोई जॉब नहीं है, या वह आपका नहीं है।",
  config_not_found: "“{name}” नाम का कोई कॉन्फ़िगरेशन नहीं है। मौजूद नाम: {known}।",
  config_invalid: "{field}: {problem}",
  config_exists_changed: "“{name}” को इस बीच किसी और ने बदल दिया। उसे फिर से लोड करके अपना बदलाव दोहराएँ।",
  no_configuration: "कोई कॉन्फ़िगरेशन नहीं चुना गया है। सहेजा हुआ चुनें या नया लिखें।",
  dataset_missing: "डेटासेट “{dataset_id}”: फ़ोल्डर {path} मौजूद नहीं है। instance_data_dir ठीक करें।",
  dataset_not_a_folder: "डेटासेट “{dataset_id}”: {path} फ़ोल्डर नहीं है। instance_data_dir में तस्वीरों वाला फ़ोल्डर दें।",
  dataset_unreadable:
    "डेटासेट “{dataset_id}”: {path} पढ़ा नहीं जा सकता ({reason})। सर्वर के यूज़र को पढ़ने की अनुमति दें।",
  dataset_empty: "डेटासेट “{dataset_id}”: {path} में ट्रेनिंग लायक कोई फ़ाइल नहीं है। {excluded_files} फ़ाइलें छोड़ी गईं।",
  dataset_refused:
    "डेटासेट “{dataset_id}”: {path} सिस्टम या पासवर्ड वाला फ़ोल्डर है ({reason}) और कभी पैकेज नहीं किया जाता।",
  dataset_changed: "आपकी सहमति के बाद डेटासेट “{dataset_id}” बदल गया ({change})। फिर से देखकर दोबारा भेजें।",
  consent_required: "ये डेटासेट आपकी सहमति के बिना इस मशीन से बाहर नहीं जाते। योजना देखें और सहमति दें।",
  consent_denied:
    "अपलोड बंद हैं (डेटा सहमति “कभी नहीं” पर है), इसलिए यह जॉब अपने डेटासेट नहीं भेज सकता। सेटिंग बदलें या डेटा को उसकी जगह से ही पढ़ें।",
  consent_stale: "आपके देखने के बाद डेटासेट बदल गए हैं। नई योजना देखें और फिर सहमति दें।",
  provider_unavailable: "{provider} अभी जॉब नहीं ले सकता: {reason}",
  invalid_job_state: "जॉब की स्थिति {status} है; यह काम तभी हो सकता है जब वह {allowed} हो।",
  artifact_not_found: "इस जॉब में {key} नाम की कोई फ़ाइल नहीं है। जो हैं वे फ़ाइलों की सूची में हैं।",
  not_safetensors:
    "{key} को safetensors फ़ाइल की तरह नहीं दिखाया जा सकता ({problem})। अगर वह वैसी होनी चाहिए तो ट्रेनर से फिर सहेजवाएँ।",
  too_many_streams: "सर्वर पहले से {limit} लाइव कनेक्शन चला रहा है। कोई टैब बंद करके फिर कोशिश करें।",
  disk_full: "{path} वाली डिस्क भर गई है ({free} खाली)। जगह बनाकर फिर कोशिश करें।",
  quota_exceeded:
    "यह {account} के कोटे में नहीं समाता: {limit_bytes} में से {used_bytes} बाइट भरे हैं। जो फ़ाइलें नहीं चाहिए उन्हें हटाएँ या कोटा बढ़वाएँ।",
  storage_key_not_found: "{access_key_id} नाम की कोई एक्सेस कुंजी नहीं है, या वह आपकी नहीं है।",
  too_many_storage_keys: "आपके पास पहले से {limit} एक्सेस कुंजियाँ हैं। जो काम में नहीं आती उसे हटाएँ।",
  cost_limit_exceeded:
    "इस जॉब का अनुमानित खर्च {estimate} है, जो {limit} की सीमा में नहीं समाता: {spent} खर्च हो चुके हैं और अधूरे जॉब के लिए {set_aside} अलग रखे हैं। सीमा {resets_at} पर फिर शुरू होगी; तब तक रुकें या सीमा बढ़वाएँ।",
  unknown_hardware: "हार्डवेयर “{hardware}” यहाँ नहीं है। मौजूद: {known}।",
  internal: "सर्वर पर कुछ गड़बड़ हुई। बताते समय अनुरोध आईडी {correlation_id} दें।",
};

/** The sentence to show for an error, in the current language where it is known in it. */
export function errorText(error: Error): string {
  const sentence = error instanceof ApiError && language.value === "hi" ? hindi[error.code] : undefined;
  if (!sentence || !(error instanceof ApiError)) return error.message;
  const details: Record<string, unknown> = { correlation_id: error.correlationId, ...error.details };
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = details[name];
    return Array.isArray(value) ? value.join(", ") : String(value ?? "?");
  });
}
