// What is known of an item, for people: only what there is, in their units.

import { make } from "./dom.js";
import { fileOf } from "./grid.js";
import { moment, number, percent, size, t } from "./language.js";

/** A list of what is known; `near(latitude, longitude)` is called to look around its place. */
export function aboutList(hit, near) {
  const known = hit.metadata;
  const captions = (known.caption ?? "").split("\n").filter(Boolean);
  const rows = [
    hit.modality === "image" && captions.length && ["about.caption", captions.map((one) => make("p", {}, one))],
    ["about.file", fileOf(hit)],
    known.folder && ["about.folder", known.folder],
    known.taken_at && ["about.taken", make("time", { datetime: known.taken_at }, moment(known.taken_at))],
    known.camera && ["about.camera", known.camera],
    known.lens && ["about.lens", known.lens],
    known.latitude !== undefined && known.longitude !== undefined && ["about.place", position(known, near)],
    known.width && ["about.pixels", `${number(known.width)} × ${number(known.height)}`],
    known.size !== undefined && ["about.size", size(known.size)],
    known.mime && ["about.kind", known.mime],
    hit.relevance != null && ["about.relevance", percent(hit.relevance)],
    hit.score != null && ["about.cosine", number(hit.score, { minimumFractionDigits: 3, maximumFractionDigits: 3 })],
    ...Object.entries(known.meta ?? {}).map(([key, value]) => [null, own(value), key]),
  ];
  return make(
    "dl",
    { class: "about" },
    ...rows.filter(Boolean).flatMap(([name, value, label]) => [
      make("dt", {}, label ?? t(name)),
      make("dd", {}, value),
    ]),
    hit.folded?.length > 0 && make("dd", { class: "quiet" }, t("hit.folded", { count: number(hit.folded.length) })),
  );
}

/** A value of the user's own columns. An address becomes a link: one that says where it leads. */
function own(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (!/^https?:\/\/\S+$/.test(text)) return text;
  return make("a", { href: text, rel: "noreferrer noopener", target: "_blank" }, text);
}

/** A position in degrees, as it is read aloud: no map, so nobody else learns of it. */
function position({ latitude, longitude }, near) {
  const degrees = (value, [positive, negative]) =>
    `${number(Math.abs(value), { minimumFractionDigits: 4, maximumFractionDigits: 4 })}° ${value < 0 ? negative : positive}`;
  return [
    `${degrees(latitude, ["N", "S"])}, ${degrees(longitude, ["E", "W"])} `,
    make("button", { type: "button", class: "plain small", onclick: () => near(latitude, longitude) }, t("about.near")),
  ];
}
