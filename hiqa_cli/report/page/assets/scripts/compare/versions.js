"use strict";
// The versions of a comparison: a table of all, and which two of them the pairs show.

const titles = shortTitles(facts.versions.map(({ title }) => title));
const chosen = ["0", "1"]; // numbers of the first and the second version, as the names of their pictures begin

// The last parts of paths, where they tell the versions apart.
function shortTitles(paths) {
  const last = paths.map((path) => fileName(path.replace(/[/\\]+$/, "")));
  return new Set(last).size === paths.length ? last : paths;
}

// The change from one version to a later one; undefined if they share no scored image.
function changeBetween(first, second) {
  return facts.changes.find((change) => change.first === Number(first) && change.second === Number(second));
}

// Each version over the images that all have with a score: { title, score, bytes (null if unknown), change }.
function summaries(rows) {
  const common = rows.map(({ versions }) => versions).filter((versions) => versions.every((one) => one && one.score !== null));
  const mean = (values) => (values.length && !values.includes(null) ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
  return {
    count: common.length,
    versions: titles.map((title, number) => ({
      title,
      score: mean(common.map((versions) => versions[number].score)),
      bytes: mean(common.map((versions) => versions[number].size)),
      change: number ? changeBetween(0, number) : undefined,
    })),
  };
}

// onChoice(): called when two other versions are chosen.
function showVersions(rows, onChoice) {
  const { count, versions } = summaries(rows);
  showRuns();
  const choose = connectChoice(onChoice);
  byId("versions-list").replaceChildren(...versions.map((version, number) => versionRow(version, versions[0], number && versions.length > 2
    ? () => choose(0, number) : null)));
  const what = `Mean score and mean size of a file over the ${countText(count, "image")} that all versions have; changes against ${titles[0]}.`;
  byId("versions-note").textContent = what;
  const points = versions.filter(({ score, bytes }) => score !== null && bytes);
  if (points.length === versions.length && points.length > 2) new Curve(byId("curve"), points);
}

// The names of the versions as given, and their settings: once, where all have the same.
function showRuns() {
  const settings = facts.versions.map(settingsText);
  const isOne = settings.every((text) => text === settings[0]);
  const lines = facts.versions.map(({ title }, number) => {
    const line = make("span", "run");
    const side = titles.length > 2 ? "" : `${["first", "second"][number]}: `;
    line.append(make("b", "", side), isOne ? title : `${title} (${settings[number]})`);
    return line;
  });
  if (isOne) byId("made").append(make("span", "run", settings[0]));
  if (!isOne || titles.length === 2) byId("made").append(...lines);
}

function versionRow({ title, score, bytes, change }, first, choose) {
  const row = make("tr");
  const name = make("th");
  name.scope = "row";
  if (choose) {
    const button = make("button", "small", title);
    button.type = "button";
    button.title = `Show the pairs of ${first.title} and ${title}`;
    button.addEventListener("click", choose);
    name.append(button);
  } else name.textContent = title;
  const outcome = { higher: "better", lower: "worse", "no difference": "same" }[change?.verdict];
  const shown = make("td", "number change", change ? signed(change.mean) : "–");
  if (outcome) shown.dataset.outcome = outcome;
  const cells = [
    score === null ? "–" : score.toFixed(1), shown, change?.mean_interval ? change.mean_interval.map(signed).join(" to ") : "–",
    change ? change.verdict : "–", change ? integers.format(change.lower) : "–", change ? integers.format(change.higher) : "–",
    bytes === null ? "–" : fileSizeText(Math.round(bytes)), bytes && first.bytes ? `${((100 * bytes) / first.bytes).toFixed(0)} %` : "–",
  ];
  row.append(name, ...cells.map((cell) => (typeof cell === "string" ? make("td", "number", cell) : cell)));
  return row;
}

// Connect the two lists of versions, which the browser remembers; the second holds those after the first one's choice.
// Returns a function that chooses.
function connectChoice(onChoice) {
  const [first, second] = [byId("first-version"), byId("second-version")];
  const last = titles.length - 1;
  const option = (number) => Object.assign(make("option", "", titles[number]), { value: number });
  const set = (one, other) => {
    first.value = one;
    const later = titles.map((_, number) => number).slice(Number(one) + 1);
    second.replaceChildren(...later.map(option));
    second.value = later.includes(Number(other)) ? other : later[0];
    [chosen[0], chosen[1]] = [first.value, second.value];
  };
  const choose = (one, other) => {
    set(one, other);
    remember("versions", [...chosen]);
    onChoice();
  };
  first.append(...titles.slice(0, last).map((_, number) => option(number)));
  const kept = remembered("versions");
  set(...(Array.isArray(kept) && kept[0] < last ? kept : chosen));
  for (const list of [first, second]) list.addEventListener("change", () => choose(first.value, second.value));
  byId("choice").hidden = titles.length < 3;
  return choose;
}
