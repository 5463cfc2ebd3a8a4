import { words } from "../i18n.ts";

/** Texts of the JSON viewer. */
export const t = words({
  en: {
    find: "Find a setting",
    tree: "Tree",
    text: "JSON",
    view: "How to show it",
    copy: "Copy JSON",
    download: "Download",
    values_one: "{n} value",
    values_other: "{n} values",
    found: "{found} of {total} values",
    none: "Nothing contains “{query}”.",
    empty_list: "empty list",
    empty_object: "empty",
    items_one: "{n} entry",
    items_other: "{n} entries",
  },
  hi: {
    find: "कोई सेटिंग खोजें",
    tree: "ट्री",
    text: "JSON",
    view: "कैसे दिखाएँ",
    copy: "JSON कॉपी करें",
    download: "डाउनलोड करें",
    values_one: "{n} मान",
    values_other: "{n} मान",
    found: "{total} में से {found} मान",
    none: "“{query}” कहीं नहीं मिला।",
    empty_list: "खाली सूची",
    empty_object: "खाली",
    items_one: "{n} प्रविष्टि",
    items_other: "{n} प्रविष्टियाँ",
  },
});
