import type { ErrorCode } from "@simpletuner-cloud/contract/errors.ts";

/** Hindi sentences of the server's error codes; `{name}` is filled from the error's details. */
export const hindiErrors: Partial<Record<ErrorCode | "unreachable", string>> = {
  unreachable: "सर्वर से जवाब नहीं मिल रहा है। देखें कि वह चल रहा है, फिर दोबारा कोशिश करें।",
  authentication_error: "आगे बढ़ने के लिए साइन इन करें।",
  credential_refused: "आपका सत्र अब नहीं चलता: वह ख़त्म हो गया, रद्द किया गया, या खाता बंद है। फिर साइन इन करें।",
  sign_in_failed: "नाम या पासवर्ड सही नहीं है।",
  too_many_attempts:
    "बहुत सी कोशिशें विफल हुईं। {retry_after_seconds} सेकंड बाद फिर कोशिश करें, या किसी एडमिन से खाता खुलवाएँ।",
  rate_limit_exceeded:
    "बहुत ज़्यादा अनुरोध: {window_seconds} सेकंड में ऐसे {limit} ही चलते हैं। {retry_after_seconds} सेकंड बाद फिर कोशिश करें।",
  rate_limits_unavailable:
    "अभी कोशिशें गिनी नहीं जा सकतीं, इसलिए यह नहीं हो सकता। {retry_after_seconds} सेकंड बाद फिर कोशिश करें; न हो तो किसी एडमिन से state backend देखने को कहें।",
  csrf_refused: "यह अनुरोध इस सर्वर के पेज से नहीं आया। पेज फिर लोड करके दोहराएँ।",
  not_set_up: "इस सर्वर पर अभी कोई खाता नहीं है। पहला खाता /setup पर बनाएँ।",
  setup_done: "इस सर्वर पर पहला खाता बन चुका है। साइन इन करें।",
  setup_token_required: "यहाँ से पहला खाता बनाने के लिए वह टोकन चाहिए जो सर्वर ने शुरू होते समय दिखाया था।",
  registration_closed: "यहाँ कोई अपना खाता नहीं बना सकता। किसी एडमिन से खाता माँगें।",
  user_not_found: "ऐसा कोई यूज़र नहीं है।",
  user_exists: "{field}: यह किसी और यूज़र का है। कोई और चुनें।",
  user_outranks:
    "{username} के पास {permission} है, जो आपके पास नहीं है। इसे बदलने के लिए किसी ऐसे व्यक्ति से कहें जिसके पास हो।",
  grant_beyond_own: "{permission} आपके पास नहीं है, इसलिए आप इसे किसी को नहीं दे सकते।",
  own_account: "अपने ही खाते के साथ यह नहीं हो सकता। किसी और एडमिन से कहें।",
  last_administrator: "इससे सर्वर का कोई एडमिन नहीं बचेगा। पहले किसी और को एडमिन बनाएँ।",
  level_not_found: "{level} नाम का कोई स्तर नहीं है। मौजूद स्तर: {known}।",
  level_exists: "“{level}” नाम का स्तर पहले से है। कोई और नाम चुनें।",
  level_built_in: "{level} बना-बनाया स्तर है और बदला नहीं जा सकता। अपना स्तर बनाएँ।",
  password_unsuitable: "यह पासवर्ड नहीं चलेगा। कम से कम 8 अक्षर का, अनुमान से परे पासवर्ड चुनें।",
  password_wrong: "यह आपका अभी का पासवर्ड नहीं है।",
  session_not_found: "ऐसा कोई सत्र नहीं है, या वह आपका नहीं है।",
  api_key_not_found: "ऐसी कोई API कुंजी नहीं है, या वह आपकी नहीं है।",
  too_many_api_keys: "पहले से {limit} API कुंजियाँ हैं। जो काम में नहीं आती उसे रद्द करें।",
  invite_invalid: "यह लिंक काम में आ चुका है या पुराना हो गया है। किसी एडमिन से नया लिंक माँगें।",
  permission_denied: "इसके लिए {permission} अनुमति चाहिए। किसी एडमिन से माँगें।",
  validation_error: "{field}: {problem}",
  database_work_running: "डेटाबेस पर पहले से काम चल रहा है। उसके पूरा होने पर फिर कोशिश करें।",
  database_too_large:
    "{size} पर यह काम सबको देर तक रोक देगा। सर्वर रोकें और `simpletuner-cloud database vacuum --offline` चलाएँ।",
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
  archive_over_limit:
    "डेटासेट का आर्काइव {size} का है और {provider} ज़्यादा से ज़्यादा {limit} लेता है। कम या छोटी तस्वीरें भेजें, SIMPLETUNER_PUBLIC_URL या SIMPLETUNER_STAGING_URL तय करें ताकि वह आर्काइव ख़ुद ले सके, या कोई और जगह चुनें।",
  datasets_not_carried: "{provider} इन डेटासेट पर ट्रेनिंग नहीं कर सकता: {reason}",
  disk_full: "{path} वाली डिस्क भर गई है ({free} खाली)। जगह बनाकर फिर कोशिश करें।",
  folder_unusable:
    "फ़ोल्डर {path} काम में नहीं आ सकता ({problem})। जो वहाँ जाना था वह अपनी जगह पर है। इसे ठीक करें या {setting} से कोई और जगह चुनें, फिर दोबारा कोशिश करें।",
  quota_exceeded:
    "यह {account} के कोटे में नहीं समाता: {limit_bytes} में से {used_bytes} बाइट भरे हैं। जो फ़ाइलें नहीं चाहिए उन्हें हटाएँ या कोटा बढ़वाएँ।",
  storage_key_not_found: "{access_key_id} नाम की कोई एक्सेस कुंजी नहीं है, या वह आपकी नहीं है।",
  too_many_storage_keys: "आपके पास पहले से {limit} एक्सेस कुंजियाँ हैं। जो काम में नहीं आती उसे हटाएँ।",
  cost_limit_exceeded:
    "इस जॉब का अनुमानित खर्च {estimate} है, जो {limit} की सीमा में नहीं समाता: {spent} खर्च हो चुके हैं और अधूरे जॉब के लिए {set_aside} अलग रखे हैं। सीमा {resets_at} पर फिर शुरू होगी; तब तक रुकें या सीमा बढ़वाएँ।",
  destination_not_found: "यह मंज़िल अब नहीं है। पेज फिर लोड करें।",
  unknown_destination: "“{destination}” नाम की मंज़िल नहीं है। मौजूद: {known}।",
  no_destination: "ऐसी कोई डिफ़ॉल्ट मंज़िल नहीं बची जिस पर ये नतीजे न पहुँचे हों। बताएँ कि कहाँ पहुँचाना है।",
  destination_name_taken: "“{name}” नाम की मंज़िल पहले से है। कोई और नाम चुनें।",
  destination_invalid: "{field}: {problem}",
  audit_export_invalid: "{field}: {problem}",
  audit_export_off: "ऑडिट किसी कलेक्टर को नहीं भेजा जाता। पहले बताएँ कि कहाँ भेजना है।",
  audit_export_not_refused: "कलेक्टर ने प्रविष्टि {entry} अस्वीकार नहीं की है। कुछ छोड़ने से पहले स्थिति फिर देखें।",
  destination_refused: "{place} ने {action} से मना किया ({reason})। {advice}",
  destination_bucket_missing: "{place} पर {bucket} नाम का बकेट नहीं है। उसे वहाँ बनाएँ, या नाम ठीक करें।",
  destination_public:
    "{place} पर {repository} पहले से है और उसे सब पढ़ सकते हैं, जबकि मंज़िल में “निजी” लिखा है। उसे वहाँ निजी बनाएँ, या मंज़िल को सार्वजनिक होने दें।",
  destination_full: "{place} पर जगह नहीं बची ({reason})। वहाँ जगह बनाएँ या सीमा बढ़वाएँ, फिर दोबारा कोशिश करें।",
  delivery_not_found: "इस जॉब की ऐसी कोई डिलीवरी नहीं है।",
  invalid_delivery_state: "डिलीवरी की स्थिति {status} है; यह काम तभी हो सकता है जब वह {allowed} हो।",
  delivery_no_files: "इस जॉब का कोई तैयार मॉडल नहीं है। उसकी फ़ाइलें और लॉग देखें।",
  unknown_hardware: "हार्डवेयर “{hardware}” यहाँ नहीं है। मौजूद: {known}।",
  internal: "सर्वर पर कुछ गड़बड़ हुई। बताते समय अनुरोध आईडी {correlation_id} दें।",
  destination_incomplete:
    "{place} ने कहा कि सब पहुँच गया, पर {file} वहाँ वैसी नहीं है जैसी भेजी गई। वह फिर भेजी जाएगी।",
  destination_unreachable: "{reason} बाद में फिर कोशिश होगी।",
  destination_busy: "{place} रुकने को कहता है ({reason})। बाद में फिर कोशिश होगी।",
  delivery_file_changed: "पहुँचाते समय {file} बदल गई या हट गई। फिर कोशिश होगी।",
  delivery_removed: "कुछ पहुँचने से पहले ही मंज़िल हटा दी गई।",
  delivery_not_due: "जॉब का अंत {status} रहा, इसलिए कुछ नहीं पहुँचाया गया। फ़ाइलें काम की हों तो हाथ से पहुँचाएँ।",
  storage_unreachable:
    "बाहरी स्टोरेज {endpoint} से जवाब नहीं मिल रहा ({reason})। देखें कि वह चल रहा है और यह सर्वर उस तक पहुँचता है।",
  storage_busy: "बाहरी स्टोरेज {endpoint} धीमे चलने को कहता है। थोड़ी देर में फिर कोशिश करें।",
  storage_refused:
    "बाहरी स्टोरेज {endpoint} बकेट {bucket} के लिए इस सर्वर के अनुरोध नहीं मानता ({reason})। SIMPLETUNER_STORAGE_URL और उसकी एक्सेस कुंजी के अधिकार देखें।",
  provider_unreachable:
    "{provider} से जवाब नहीं मिल रहा: {reason} वहाँ जो चल रहा है वह चलता रहेगा, और जवाब मिलते ही फिर देखा जाएगा।",
  provider_refused: "{provider} ने जॉब लेने से मना किया: {reason}",
  provider_token_refused:
    "{provider} टोकन {variable} नहीं मानता। सही टोकन दें, जैसे: npx simpletuner-cloud cloud config set-token",
  provider_token_missing:
    "{provider} के लिए काम का कोई टोकन नहीं है: {reason} टोकन दें, जैसे: npx simpletuner-cloud cloud config set-token",
  provider_credit_missing: "{provider} पैसे माँगता है: {reason} {url} पर जमा करें, कुछ मिनट रुकें और जॉब फिर भेजें।",
  provider_run_unknown:
    "{provider} पर इस रन का क्या हुआ, पता नहीं: {reason} फिर भेजने से पहले {url} पर देखें, ताकि दो बार पैसे न लगें।",
  provider_outputs_gone:
    "{provider} ने रन {run} के नतीजे लाने से पहले ही हटा दिए। ट्रेनर से उन्हें प्रकाशित कराएँ: SIMPLETUNER_PUBLIC_URL, कोई बकेट या हब रिपॉज़िटरी तय करें।",
  budget_exhausted:
    "{limit} का बजट पार होने से पहले रोका गया: {spent} खर्च हो चुके हैं, {set_aside} दूसरे जॉब के लिए रखे हैं, और अगले {minutes} मिनट {slice} के होते। बजट {resets_at} पर फिर शुरू होगा; तब फिर कोशिश करें या उसे बढ़वाएँ।",
  archive_invalid: "आर्काइव {path} खोला नहीं जा सकता ({problem})। डेटासेट फिर से पैकेज करें।",
  secrets_unavailable: "सीक्रेट {name} है या नहीं, पता नहीं: {reason} इसे ठीक करें, या उसे environment में दें।",
  backup_running: "बैकअप पहले से बन रहा है। उसके पूरा होने पर फिर कोशिश करें।",
  backup_failed: "बैकअप नहीं बना: {reason}। उसका कुछ नहीं रखा गया।",
  tunnel_program_missing:
    "{program} यहाँ इंस्टॉल नहीं है। {install_url} से इंस्टॉल करें, जहाँ सर्वर का PATH उसे पाए, और टनल फिर शुरू करें।",
  tunnel_runs_already: "{program} की टनल पहले से चल रही है। पहले उसे रोकें।",
  database_unavailable: "डेटाबेस से जवाब नहीं मिल रहा ({reason})। मिलते ही सर्वर अपने-आप आगे चलेगा; तब फिर कोशिश करें।",
  database_busy: "डेटाबेस व्यस्त है ({reason})। कुछ नहीं बदला। थोड़ी देर में फिर कोशिश करें।",
  state_unavailable:
    "state backend {backend} से जवाब नहीं मिल रहा ({reason})। देखें कि वह चल रहा है और STATE_BACKEND_URL क्या कहता है, फिर दोबारा कोशिश करें।",
  job_restored:
    "सर्वर बैकअप {backup_id} से बहाल हुआ, और यह जॉब शायद उसके बाद चला हो। देखें कि चला या नहीं, फिर चाहें तो दोबारा चलाएँ।",
};
