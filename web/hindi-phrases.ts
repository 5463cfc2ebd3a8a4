/**
 * What the server says in parts of sentences, and in sentences that no error code has: English as it is written there, and
 * Hindi. `{name}` stands for what differs; `{said}` is what a stranger said.
 */
export const hindiPhrases: readonly (readonly [english: string, hindi: string])[] = [
  // States of jobs and deliveries.
  ["pending", "प्रतीक्षा में"],
  ["uploading", "पैकेजिंग में"],
  ["queued", "कतार में"],
  ["running", "चालू"],
  ["completed", "पूरा"],
  ["failed", "विफल"],
  ["cancelled", "रद्द"],
  ["waiting", "इंतज़ार में"],
  ["delivered", "पहुँचा हुआ"],
  // Acts of a delivery.
  ["writing a file", "फ़ाइल लिखने"],
  ["reading a file", "फ़ाइल पढ़ने"],
  ["listing the bucket", "बकेट की सूची देने"],
  ["deleting a file", "फ़ाइल हटाने"],
  ["making the repository {repository}", "रिपॉज़िटरी {repository} बनाने"],
  ["looking at the repository {repository}", "रिपॉज़िटरी {repository} देखने"],
  ["listing the repository {repository}", "रिपॉज़िटरी {repository} की सूची देने"],
  ["adding files to {repository}", "{repository} में फ़ाइलें जोड़ने"],
  ["the connection", "कनेक्शन"],
  ["the token", "टोकन"],
  ["a delivery", "डिलीवरी"],
  ["writing", "लिखने"],
  // Why, and what to do.
  ["there is no token", "कोई टोकन नहीं है"],
  ["its tokens begin with hf_", "उसके टोकन hf_ से शुरू होते हैं"],
  ["its token's rights", "उसके टोकन के अधिकार"],
  ["status {status}", "स्थिति {status}"],
  [
    "Enter a token with the role write for the destination, or set HF_TOKEN.",
    "मंज़िल के लिए write भूमिका वाला टोकन दें, या HF_TOKEN तय करें।",
  ],
  ["Its token is wrong, expired or revoked: enter another.", "उसका टोकन ग़लत, पुराना या रद्द है: दूसरा दें।"],
  [
    "Give the token the role write, or a fine-grained one the right to write to repositories of {owner}.",
    "टोकन को write भूमिका दें, या fine-grained टोकन को {owner} की रिपॉज़िटरी में लिखने का अधिकार।",
  ],
  [
    "It is not there, or the token may not see it: correct the owner or the token.",
    "वह वहाँ नहीं है, या टोकन उसे देख नहीं सकता: मालिक या टोकन ठीक करें।",
  ],
  [
    "It was renamed: correct the owner or the repository's name.",
    "उसका नाम बदल गया: मालिक या रिपॉज़िटरी का नाम ठीक करें।",
  ],
  ["Correct what it names, then retry.", "जो कहा गया है उसे ठीक करें, फिर दोबारा कोशिश करें।"],
  ["Check the access key.", "एक्सेस कुंजी देखें।"],
  [
    "Check the secret access key; it does not belong to the access key.",
    "गुप्त कुंजी देखें; वह इस एक्सेस कुंजी की नहीं है।",
  ],
  ["Set this machine's clock.", "इस मशीन की घड़ी ठीक करें।"],
  ["Correct the region.", "रीजन ठीक करें।"],
  ["Correct the region or the endpoint.", "रीजन या पता ठीक करें।"],
  ["The file is larger than the service takes.", "फ़ाइल उससे बड़ी है जितनी यह सेवा लेती है।"],
  ["The access key needs {permission} on {bucket}.", "एक्सेस कुंजी को {bucket} पर {permission} चाहिए।"],
  [
    "The token is {account}'s, who does not belong to {owner}. Correct the owner, or use a token of a member.",
    "टोकन {account} का है, जो {owner} में नहीं है। मालिक ठीक करें, या किसी सदस्य का टोकन दें।",
  ],
  [
    "{account} may only read in {owner}. Have an administrator of {owner} give more, or choose another owner.",
    "{account} को {owner} में सिर्फ़ पढ़ने का अधिकार है। वहाँ के किसी एडमिन से और अधिकार लें, या दूसरा मालिक चुनें।",
  ],
  ["The token may only read. Make one with the role write.", "टोकन सिर्फ़ पढ़ सकता है। write भूमिका वाला बनाएँ।"],
  [
    "The token may not write to repositories of {owner}. Give it that right, or use one with the role write.",
    "टोकन {owner} की रिपॉज़िटरी में लिख नहीं सकता। उसे यह अधिकार दें, या write भूमिका वाला टोकन दें।",
  ],
  // Trying a place.
  [
    "The file came back with other bytes than were written; something on the way changes them.",
    "फ़ाइल लिखी हुई से अलग लौटी; बीच में कोई चीज़ उसे बदलती है।",
  ],
  ["{said} The file {file} stays until you delete it.", "{said} फ़ाइल {file} तब तक रहेगी जब तक आप उसे न हटाएँ।"],
  // Calls that got no answer.
  ["{place} failed ({reason}).", "{place} की ओर से गड़बड़ हुई ({reason})।"],
  [
    "{place} gave an answer that cannot be read. Something between may have answered instead.",
    "{place} का जवाब पढ़ा नहीं जा सकता। शायद बीच की किसी चीज़ ने जवाब दिया।",
  ],
  ["{host} cannot be reached ({code}).", "{host} तक पहुँचा नहीं जा सकता ({code})।"],
  ["{host} cannot be reached.", "{host} तक पहुँचा नहीं जा सकता।"],
  [
    "{host} has a certificate that is not trusted; name your authority's file in SIMPLETUNER_CA_BUNDLE ({code}).",
    "{host} का प्रमाणपत्र भरोसे का नहीं है; अपनी authority की फ़ाइल SIMPLETUNER_CA_BUNDLE में दें ({code})।",
  ],
  ["{host} is not reachable through the proxy ({code}).", "प्रॉक्सी से {host} तक पहुँचा नहीं जा सकता ({code})।"],
  ["{host} cut the connection ({code}).", "{host} ने कनेक्शन काट दिया ({code})।"],
  ["{host} cut the connection.", "{host} ने कनेक्शन काट दिया।"],
  ["{host} did not answer in time.", "{host} ने समय पर जवाब नहीं दिया।"],
  ["{host} answered more than can be taken ({code}).", "{host} का जवाब बहुत बड़ा है ({code})।"],
  [
    "{host} leads to an address that is not on the internet; an administrator can allow it with SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES.",
    "{host} इंटरनेट से बाहर के पते पर ले जाता है; कोई एडमिन इसे SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES से चलने दे सकता है।",
  ],
  [
    "{host} failed several times in a row and is left alone for a moment.",
    "{host} लगातार कई बार विफल हुआ, इसलिए उसे थोड़ी देर नहीं छेड़ा जाता।",
  ],
  ["untrusted certificate", "प्रमाणपत्र भरोसे का नहीं है"],
  ["proxy refused", "प्रॉक्सी ने मना किया"],
  ["address refused", "पता मना है"],
  ["too large", "बहुत बड़ा"],
  // How training ended.
  ["Training exited with code {code}. {said}", "ट्रेनिंग कोड {code} के साथ बंद हुई। {said}"],
  ["Training exited with code {code}.", "ट्रेनिंग कोड {code} के साथ बंद हुई।"],
  ["Training was ended by signal {signal}. {said}", "ट्रेनिंग सिग्नल {signal} से बंद की गई। {said}"],
  ["Training was ended by signal {signal}.", "ट्रेनिंग सिग्नल {signal} से बंद की गई।"],
  ["Training failed at {provider}. {said}", "{provider} पर ट्रेनिंग विफल हुई। {said}"],
  ["Training failed at {provider}.", "{provider} पर ट्रेनिंग विफल हुई।"],
  [
    "The trainer cannot be executed. Check SIMPLETUNER_TRAINER_COMMAND or install the trainer again.",
    "ट्रेनर चलाया नहीं जा सकता। SIMPLETUNER_TRAINER_COMMAND देखें या ट्रेनर फिर इंस्टॉल करें।",
  ],
  [
    "The trainer was not found. Check SIMPLETUNER_TRAINER_COMMAND or install the trainer again.",
    "ट्रेनर नहीं मिला। SIMPLETUNER_TRAINER_COMMAND देखें या ट्रेनर फिर इंस्टॉल करें।",
  ],
  ["it found no machine for it in time. Submit it again.", "उसे समय पर कोई मशीन नहीं मिली। जॉब फिर भेजें।"],
  [
    "The delivery failed on the server's side. Its log says why; it is tried again.",
    "डिलीवरी सर्वर की ओर से विफल हुई। कारण उसके लॉग में है; फिर कोशिश होगी।",
  ],
  // Folders of the server.
  ["a file stands in its way", "उसकी जगह पर एक फ़ाइल है"],
  ["the server's user has no right to", "सर्वर के यूज़र को अनुमति नहीं है"],
  ["its file system is read-only", "उसका फ़ाइल सिस्टम सिर्फ़ पढ़ने के लिए है"],
  ["its disk, or the network drive, fails", "उसकी डिस्क या नेटवर्क ड्राइव गड़बड़ है"],
  ["the network drive it lies on is gone", "उसकी नेटवर्क ड्राइव नहीं मिल रही"],
];
