// What a visitor has open, kept in the browser: nothing is lost when the page is loaded again.

const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open("colorizegan", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("photos", { keyPath: "id" });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
opened.catch(() => {}); // said by those who ask

async function run(mode, act) {
  const transaction = (await opened).transaction("photos", mode);
  const request = act(transaction.objectStore("photos"));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

export const putPhoto = (record) => run("readwrite", (photos) => photos.put(record));
export const deletePhoto = (id) => run("readwrite", (photos) => photos.delete(id));
export const allPhotos = () => run("readonly", (photos) => photos.getAll());
export const clearPhotos = () => run("readwrite", (photos) => photos.clear());
