import { words } from "../i18n.ts";

/** Texts of password fields. */
export const t = words({
  en: {
    show_password: "Show the password",
    new_password: "New password",
    password_hint: "At least 8 characters. Several words are easy to keep in mind and hard to guess.",
    password_short_one: "{n} more character is needed.",
    password_short_other: "{n} more characters are needed.",
    password_long: "At most {n} characters are taken.",
    password_own_name: "This is your own name. Choose something that others cannot know.",
    password_well_known: "This is one of the passwords that are tried first.",
  },
  hi: {
    show_password: "पासवर्ड दिखाएँ",
    new_password: "नया पासवर्ड",
    password_hint: "कम से कम 8 अक्षर। कई शब्द याद रखने में आसान और अनुमान लगाने में कठिन होते हैं।",
    password_short_one: "{n} अक्षर और चाहिए।",
    password_short_other: "{n} अक्षर और चाहिए।",
    password_long: "ज़्यादा से ज़्यादा {n} अक्षर चलेंगे।",
    password_own_name: "यह आपका अपना नाम है। ऐसा चुनें जो दूसरे न जान सकें।",
    password_well_known: "यह उन पासवर्ड में है जो सबसे पहले आज़माए जाते हैं।",
  },
});
