// Pictures that somebody searches with. They stay in this browser (IndexedDB), under names that
// the address bar holds, so that Back and a reload find them again.

const LARGE_BYTES = 1_000_000;
const LONGEST_SIDE = 1280;
const KEPT = 40;

const here = new Map();
let opened = null;

/** Keep a picture; returns its name. Throws where the browser cannot read it as one. */
export async function keepPicture(file) {
  const blob = await readable(file);
  const name = [...crypto.getRandomValues(new Uint8Array(8))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  here.set(name, blob);
  await stored("readwrite", (store) => store.put({ name, blob, at: Date.now() })).catch(() => {});
  await forgetOldest().catch(() => {});
  return name;
}

/** The picture of a name, `null` where this browser no longer has it. */
export async function pictureOf(name) {
  if (!here.has(name)) {
    const row = await stored("readonly", (store) => store.get(name)).catch(() => null);
    if (!row) return null;
    here.set(name, row.blob);
  }
  return here.get(name);
}

/** The picture's bytes in base64. */
export async function base64Of(name) {
  const blob = await pictureOf(name);
  if (!blob) throw new PictureGone();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new PictureGone());
    reader.readAsDataURL(blob);
  });
}

/** A picture in the address that this browser does not have (any more). */
export class PictureGone extends Error {}

/** The files among what was dropped, pasted or chosen that may be pictures. */
export function pictureFiles(list) {
  return [...(list ?? [])].filter((file) => file.type.startsWith("image/"));
}

/** A large picture is made smaller before it is sent: models look at a few hundred pixels. What
 *  the browser cannot read (TIFF, HEIC) goes as it is; the service may know more kinds. */
async function readable(file) {
  if (file.size <= LARGE_BYTES) return file;
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return file;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  const made = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return made && made.size < file.size ? made : file;
}

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("searchengine", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("pictures", { keyPath: "name" }).createIndex("at", "at");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function stored(mode, work) {
  const transaction = (await database()).transaction("pictures", mode);
  const request = work(transaction.objectStore("pictures"));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

async function forgetOldest() {
  const names = await stored("readonly", (store) => store.index("at").getAllKeys());
  for (const name of names.slice(0, Math.max(0, names.length - KEPT))) {
    here.delete(name);
    await stored("readwrite", (store) => store.delete(name));
  }
}
