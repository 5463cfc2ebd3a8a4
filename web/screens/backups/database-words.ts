import { words } from "../../i18n.ts";

/** Texts of the database's panel. */
export const t = words({
  en: {
    title: "Database",
    engine: "Kind",
    location: "Where",
    size: "Size",
    unused: "{size}, of which {unused} are unused",
    jobs: "Jobs",
    check: "Check",
    vacuum: "Give unused space back",
    about:
      "A check reads everything and compares what has to agree. It changes nothing and holds nobody up; a large database takes minutes.",
    sound_one: "The database is sound: {n} row was read.",
    sound_other: "The database is sound: {n} rows were read.",
    problems: "The database is not sound. Back up what is there, then restore the last sound backup.",
    vacuumed: "Done: {before} before, {after} now.",
  },
  hi: {
    title: "डेटाबेस",
    engine: "प्रकार",
    location: "कहाँ",
    size: "आकार",
    unused: "{size}, जिसमें से {unused} खाली है",
    jobs: "जॉब",
    check: "जाँचें",
    vacuum: "खाली जगह लौटाएँ",
    about:
      "जाँच सब कुछ पढ़ती है और जिन चीज़ों को मेल खाना चाहिए उनकी तुलना करती है। वह कुछ नहीं बदलती और किसी को नहीं रोकती; बड़े डेटाबेस में कुछ मिनट लगते हैं।",
    sound_one: "डेटाबेस ठीक है: {n} पंक्ति पढ़ी गई।",
    sound_other: "डेटाबेस ठीक है: {n} पंक्तियाँ पढ़ी गईं।",
    problems: "डेटाबेस ठीक नहीं है। जो है उसका बैकअप लें, फिर पिछला ठीक बैकअप वापस लाएँ।",
    vacuumed: "हो गया: पहले {before}, अब {after}।",
  },
});
