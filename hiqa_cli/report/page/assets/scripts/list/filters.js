"use strict";
// Filters by folder and by reason: lists that appear where there is more than one folder, or any reason.

const MOST_FOLDERS = 400; // in the list; search finds the others

// The folders of all paths and the folders above them, below what they have in common: path -> number of entries.
function folderCounts(entries) {
  const counts = new Map();
  for (const { path } of entries) {
    let folder = folderName(path);
    while (folder) {
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
      const above = folderName(folder);
      folder = above === folder ? "" : above;
    }
  }
  for (const [folder, count] of counts) if (count === entries.length) counts.delete(folder); // all have it in common
  return counts;
}

function isInFolder(path, folder) {
  return path.startsWith(folder) && /[/\\]/.test(path.charAt(folder.length));
}

function fillChoices(select, counts, everything, nameOf) {
  const options = counts.map(([value, count]) => {
    const option = make("option", "", `${nameOf(value)} (${integers.format(count)})`);
    option.value = value;
    return option;
  });
  const all = make("option", "", everything);
  all.value = "";
  const { value } = select;
  select.replaceChildren(all, ...options);
  select.value = counts.some(([known]) => known === value) ? value : "";
  select.closest("label").hidden = !counts.length;
}

// "blur 14" is the word blur with its points; the kind of a picture that is no photograph has none.
function wordOf(reason) {
  return reason.replace(/ \d+$/, "");
}

// reasonsOf(entry): what is wrong with it, [] where nothing is, or the weights have no head that tells.
function connectFilters(listing, reasonsOf) {
  const folder = byId("folder"), reason = byId("reason");
  const fill = () => {
    const folders = [...folderCounts(listing.entries)].sort(([a], [b]) => collator.compare(a, b)).slice(0, MOST_FOLDERS);
    const names = folders.map(([name]) => name);
    const depthOf = (name) => names.filter((other) => isInFolder(name, other)).length;
    fillChoices(folder, folders, "all folders", (name) => {
      const depth = depthOf(name);
      return depth ? `${"\u2003".repeat(depth)}${fileName(name)}` : name;
    });
    const reasons = new Map();
    for (const entry of listing.entries) for (const one of new Set(reasonsOf(entry).map(wordOf))) reasons.set(one, (reasons.get(one) ?? 0) + 1);
    fillChoices(reason, [...reasons].sort(([a, m], [b, n]) => n - m || collator.compare(a, b)), "any reason", (name) => name);
  };
  const filters = () => ({
    folder: folder.value ? (entry) => isInFolder(entry.path, folder.value) : null,
    reason: reason.value ? (entry) => reasonsOf(entry).map(wordOf).includes(reason.value) : null,
  });
  fill();
  listing.onEntries(() => {
    fill();
    Object.assign(listing.filters, filters()); // a choice that is gone filters no more
  });
  for (const select of [folder, reason]) select.addEventListener("change", () => listing.filter(filters()));
}
