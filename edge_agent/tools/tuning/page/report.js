"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const words = {
    en: {
      title: "What other settings would tell", settings: "settings", events: "events", gained: "gained", lost: "lost",
      precision: "precision", recall: "recall", delay: "delay", recommended: "Recommended", confidence: "confidence",
      none: "none", low: "low", medium: "medium", high: "high", keep: "keep what holds now",
      motion: "Motion: share of the picture that changed", scores: "People: scores of the detector",
      drag: "Drag the dashed lines (or focus them and use the arrow keys) to try other thresholds.",
      recomputed: "With these lines: {n} people told, {m} pictures with motion.",
      rough: "The page recomputes from recorded scores and leaves out dwell times and cool-downs; tune --set says it exactly.",
      you: "lines", visits: "labels", lostTitle: "Lost: A tells them, B does not", gainedTitle: "Gained: B tells them, A does not",
      nothing: "Nothing lost, nothing gained.", scene: "Where it moved, zones and masks", moves: "moved often",
      zone: "zone", ignored: "ignore zone", mask: "privacy mask",
      histogram: "Scores that decide", histogramNote: "One count for each person: the score that confirm_threshold is compared with.",
      told: "told by A", untold: "not told", suggested: "suggested threshold: {s}", gap: "nobody scored between {a} and {b}",
      few: "Too few people for a suggestion.", now: "now: {s}", cost: "What it cost", stage: "stage", cpu: "CPU", pictures: "pictures",
      decode: "decode and motion", detector: "detector", decide: "track, rules, events; all settings",
      part: "part of another event there", taken: "taken for somebody told just before", heldBack: "{r}", profile: "profile",
      stays: "nothing tried is better than what holds now", few: "only {v} labelled visits; {f} are few, {m} say much",
      alone: "the best on {v} visits; nothing to compare it with", compared: "{b} visits or false alarms better, {w} worse (sign test: p = {p})",
      licence: "Licence of uPlot, which draws the charts", min: "min", top: "best",
    },
    vi: {
      title: "Cài đặt khác sẽ báo những gì", settings: "cài đặt", events: "sự kiện", gained: "thêm", lost: "mất",
      precision: "báo đúng", recall: "không bỏ sót", delay: "báo trễ", recommended: "Nên dùng", confidence: "độ tin cậy",
      none: "không có", low: "thấp", medium: "vừa", high: "cao", keep: "giữ cài đặt hiện tại",
      motion: "Chuyển động: phần hình đã thay đổi", scores: "Người: điểm của bộ nhận dạng",
      drag: "Kéo các đường đứt (hoặc chọn rồi bấm phím mũi tên) để thử ngưỡng khác.",
      recomputed: "Với các đường này: báo {n} người, {m} hình có chuyển động.",
      rough: "Trang này tính lại từ điểm đã ghi, không tính thời gian đứng lại và thời gian nghỉ; tune --set cho kết quả chính xác.",
      you: "đường kéo", visits: "nhãn", lostTitle: "Mất: A báo, B không báo", gainedTitle: "Thêm: B báo, A không báo",
      nothing: "Không mất, không thêm.", scene: "Chỗ hay chuyển động, vùng và mặt nạ", moves: "hay chuyển động",
      zone: "vùng theo dõi", ignored: "vùng bỏ qua", mask: "mặt nạ riêng tư",
      histogram: "Điểm quyết định", histogramNote: "Mỗi người tính một lần: điểm được so với confirm_threshold.",
      told: "A có báo", untold: "không báo", suggested: "ngưỡng gợi ý: {s}", gap: "không ai có điểm từ {a} đến {b}",
      few: "Quá ít người để gợi ý.", now: "hiện tại: {s}", cost: "Tốn bao nhiêu", stage: "công đoạn", cpu: "CPU", pictures: "hình",
      decode: "giải mã và chuyển động", detector: "nhận dạng", decide: "theo dõi, luật, sự kiện; mọi cài đặt",
      part: "nằm trong một sự kiện khác", taken: "bị coi là người vừa được báo trước đó", heldBack: "Không báo vì {k}. Sửa ít nhất: {c}", profile: "chế độ",
      stays: "không cài đặt nào được thử tốt hơn cài đặt hiện tại", few: "mới có {v} lượt được ghi nhãn; {f} lượt là ít, {m} lượt mới đủ tin",
      alone: "tốt nhất trên {v} lượt; chưa có gì để so sánh", compared: "{b} lượt hoặc báo nhầm tốt hơn, {w} kém hơn (kiểm định dấu: p = {p})",
      licence: "Giấy phép của uPlot, thư viện vẽ biểu đồ", min: "phút", top: "cao nhất",
    },
  };
  let lang = (navigator.language || "en").startsWith("vi") ? "vi" : "en";
  const say = (key, values = {}) => words[lang][key].replace(/\{(\w)\}/g, (_, name) => values[name]);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
  const percent = (value) => `${(100 * value).toFixed(value && value < 0.01 ? 3 : 0)} %`;

  // --- what the lines would tell: the confirm rule on recorded scores ---
  const told = (clip, confirm, motion) => {
    const still = new Set();
    if (motion > data.thresholds.motion) clip.motion.forEach((share, i) => { if (share < motion) still.add(clip.t[i]); });
    const rule = data.rule;
    return clip.people.flatMap((looks) => {
      const sure = [];
      for (const [at, score, counts] of looks) {
        if (still.has(at) || score < confirm) continue;
        sure.push(at);
        const within = sure.filter((moment) => moment >= at - rule.window_s - 0.01).length;
        if (counts && within >= rule.looks) return [[looks[0][0], looks[looks.length - 1][0]]];
      }
      return [];
    });
  };
  const moving = (clip, motion) => motion === data.thresholds.motion
    ? clip.moved.filter(Boolean).length : clip.motion.filter((share) => share >= motion).length;

  const adviceReason = ({ kind, numbers }) => say(kind, { v: numbers.visits, f: numbers.few, m: numbers.many, b: numbers.better, w: numbers.worse, p: (numbers.p ?? 0).toFixed(2) });
  const table = () => {
    const names = ["settings", "events", "gained", "lost", ...(data.labelled ? ["precision", "recall", "delay"] : [])];
    const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, say(name))));
    const rows = data.trials.map((trial) => make("tr", trial.chosen ? { class: "chosen" } : {},
      ...[trial.name, trial.events, trial.gained, trial.lost, ...(trial.score || [])].map((cell) => make("td", {}, String(cell)))));
    const parts = [make("div", { class: "wide" }, make("table", { id: "trials" }, make("thead", {}, head), make("tbody", {}, ...rows)))];
    if (data.advice) {
      const text = data.advice.name === null ? say("keep") : data.advice.name;
      parts.push(make("p", { id: "advice" }, `${say("recommended")}: ${text} (${say("confidence")}: ${say(data.advice.level)}) `,
        make("span", { class: "note" }, adviceReason(data.advice))));
    }
    return parts;
  };

  const strip = (name, colour, spans, clip) => [
    make("div", {}, name),
    make("div", { class: "row" }, ...spans.map(([from, to, text]) => make("i", {
      style: `left:${100 * from / clip.duration_s}%;width:${100 * (to - from) / clip.duration_s}%;background:${colour}`,
      title: `${clock(from)} - ${clock(to)}` }, text))),
  ];

  const charts = (clip) => {
    const lines = { motion: data.thresholds.motion, confirm: data.thresholds.confirm };
    const rows = make("div", { class: "rows" });
    const output = make("output", { "aria-live": "polite" });
    const recompute = () => {
      const found = told(clip, lines.confirm, lines.motion);
      const strips = [strip("A", "var(--a)", clip.a.map((e) => [e.from_s, e.to_s]), clip)];
      if (clip.b) strips.push(strip("B", "var(--b)", clip.b.map((e) => [e.from_s, e.to_s]), clip));
      if (clip.profiles.length) strips.push(strip(say("profile"), "var(--visit)", clip.profiles, clip));
      strips.push(strip(say("you"), "var(--now)", found, clip));
      if (clip.visits.length) strips.push(strip(say("visits"), "var(--visit)", clip.visits, clip));
      rows.replaceChildren(...strips.flat());
      output.textContent = say("recomputed", { n: found.length, m: moving(clip, lines.motion) });
      output.dataset.people = found.length;
    };
    const draw = (key, values, top, format, title) => {
      const holder = make("div", { class: "plot", "data-plot": key });
      const width = () => Math.max(240, Math.min(1088, document.documentElement.clientWidth - 32));
      const plot = new uPlot({
        width: width(), height: 190, cursor: { drag: { x: true, y: false } }, padding: [8, 4, 0, 0],
        // Most of a day hardly anything moves: small shares are as wide as large ones.
        scales: { x: { time: false, range: [0, clip.duration_s] }, y: { range: [0, top], ...(key === "motion" ? { distr: 4, asinh: data.thresholds.motion || 0.001 } : {}) } },
        axes: [{ values: (_, marks) => marks.map((mark) => clock(mark).replace(/\.0$/, "")) }, { size: 66, values: (_, marks) => marks.map(format), ...(key === "motion" ? { splits: () => [0, 0.0001, 0.001, 0.01, 0.1, 1].filter((mark) => mark <= top), filter: (_, marks) => marks } : {}) }],
        series: [{}, { stroke: key === "confirm" ? "#0072b2" : "#555", width: 1, spanGaps: false,
          points: { show: key === "confirm", size: 4 }, paths: key === "confirm" ? () => null : undefined }],
      }, [clip.t, values], holder);
      const label = make("span");
      const bar = make("div", { class: "bar", tabindex: "0", role: "slider", "aria-label": title, "aria-orientation": "vertical", "aria-valuemin": "0", "aria-valuemax": String(top) });
      bar.append(label);
      const place = () => {
        bar.style.top = `${plot.valToPos(lines[key], "y")}px`;
        label.textContent = format(lines[key]);
        bar.setAttribute("aria-valuenow", String(lines[key]));
        bar.setAttribute("aria-valuetext", format(lines[key]));
      };
      const move = (value) => { lines[key] = Math.round(Math.min(top, Math.max(0, value)) * 1e5) / 1e5; place(); recompute(); };
      bar.addEventListener("pointerdown", (event) => { bar.setPointerCapture(event.pointerId); event.stopPropagation(); event.preventDefault(); bar.focus(); });
      bar.addEventListener("mousedown", (event) => event.stopPropagation());
      bar.addEventListener("pointermove", (event) => {
        if (bar.hasPointerCapture(event.pointerId)) move(plot.posToVal(event.clientY - plot.over.getBoundingClientRect().top, "y"));
      });
      bar.addEventListener("keydown", (event) => {
        const step = steps(key, lines[key], top)[event.key];
        if (step) { event.preventDefault(); move(lines[key] + step); }
      });
      plot.over.append(bar);
      place();
      addEventListener("resize", () => { plot.setSize({ width: width(), height: 190 }); place(); });
      return [make("h3", {}, title), holder];
    };
    const most = Math.max(data.thresholds.motion * 2, ...clip.motion) * 1.05;
    const parts = [
      make("p", { class: "note" }, say("drag")),
      ...draw("motion", clip.motion, most, percent, say("motion")),
      ...draw("confirm", clip.best, 1, (value) => value.toFixed(2), say("scores")),
      rows, make("p", {}, output), make("p", { class: "note" }, say("rough")),
    ];
    recompute();
    return parts;
  };

  const steps = (key, value, top) => {
    const fine = key === "motion" ? Math.max(value * 0.1, 1e-5) : top / 100;
    return { ArrowUp: fine, ArrowDown: -fine, PageUp: 5 * fine, PageDown: -5 * fine };
  };
  const reason = (each) => {
    if (!each.reason) return say(each.within ? "part" : "taken");
    return say("heldBack", { r: each.reason, k: each.keys.join(" + ") || "-", c: each.change || "-" });
  };
  const cards = (clip, kind) => {
    if (!clip[kind].length) return [];
    return [make("h3", {}, say(`${kind}Title`)), make("div", { class: "cards", "data-cards": kind }, ...clip[kind].map((each) =>
      make("div", { class: `card ${kind}` },
        each.picture ? make("img", { src: each.picture, alt: `${clock(each.from_s)}`, loading: "lazy" }) : null,
        make("p", {}, `${clock(each.from_s)} - ${clock(each.to_s)}, ${say("top")} ${each.top_score.toFixed(2)}${each.profile ? `, ${say("profile")} ${each.profile}` : ""}`),
        make("p", {}, reason(each)))))];
  };

  const scene = (clip) => {
    if (!clip.scene) return [];
    const rows = clip.heat.length, columns = clip.heat[0].length;
    const canvas = make("canvas", { width: columns, height: rows });
    const context = canvas.getContext("2d");
    const most = Math.max(1, ...clip.heat.flat());
    clip.heat.forEach((row, y) => row.forEach((count, x) => {
      if (!count) return;
      context.fillStyle = `rgba(213,94,0,${0.65 * Math.sqrt(count / most)})`;
      context.fillRect(x, y, 1, 1);
    }));
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 1 1");
    svg.setAttribute("preserveAspectRatio", "none");
    for (const [kind, name, points] of clip.polygons) {
      const polygon = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
      polygon.setAttribute("points", points.map((point) => point.join(",")).join(" "));
      polygon.setAttribute("class", kind);
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = name;
      polygon.append(title);
      svg.append(polygon);
    }
    const key = (colour, text) => [make("span", { class: "key", style: `background:${colour}` }), text];
    return [make("h3", {}, say("scene")), make("div", { class: "scene" }, make("img", { src: clip.scene, alt: say("scene") }), canvas, svg),
      make("p", { class: "note" }, ...key("#d55e00", say("moves")), ...key("#56b4e9", say("zone")), ...key("#999", say("ignored")), ...key("#000", say("mask")))];
  };

  const histogram = (clip) => {
    const bins = 40, counts = Array.from({ length: bins }, () => [0, 0]);
    for (const [score, isTold] of clip.deciding) counts[Math.min(bins - 1, Math.floor(score * bins))][isTold ? 0 : 1] += 1;
    const most = Math.max(1, ...counts.map(([one, other]) => one + other));
    const bars = counts.map(([one, other]) => make("div", {},
      make("i", { class: "told", style: `height:${100 * one / most}%` }), make("i", { class: "untold", style: `height:${100 * other / most}%` })));
    const mark = (at, colour) => make("span", { class: "mark", style: `left:${100 * at}%;color:${colour}` });
    const box = make("div", { class: "histogram" }, ...bars, mark(data.thresholds.confirm, "var(--b)"), clip.suggested ? mark(clip.suggested.threshold, "var(--now)") : null);
    const advice = clip.suggested
      ? `${say("suggested", { s: clip.suggested.threshold.toFixed(2) })} (${say("gap", { a: clip.suggested.low.toFixed(2), b: clip.suggested.high.toFixed(2) })})`
      : say("few");
    return [make("h3", {}, say("histogram")), make("p", { class: "note" }, say("histogramNote"),
      make("span", { class: "key told" }), say("told"), make("span", { class: "key untold" }), say("untold")), box,
      make("div", { class: "scale" }, ...["0", "0.25", "0.5", "0.75", "1"].map((text) => make("span", {}, text))),
      make("p", {}, `${say("now", { s: data.thresholds.confirm.toFixed(2) })}; ${advice}`)];
  };

  const cost = (clip) => {
    const row = (name, seconds, pictures) => make("tr", {}, make("td", {}, name), make("td", {}, `${seconds.toFixed(1)} s`), make("td", {}, String(pictures)));
    return [make("h3", {}, say("cost")), make("div", { class: "wide" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["stage", "cpu", "pictures"].map((name) => make("th", { scope: "col" }, say(name))))),
      make("tbody", {}, row(say("decode"), clip.cost.decode_s, clip.cost.decoded), row(say("detector"), clip.cost.detector_s, clip.cost.looks),
        row(say("decide"), clip.cost.deciding_s, clip.cost.pictures))))];
  };

  const show = () => {
    document.documentElement.lang = lang;
    document.querySelectorAll("[data-t]").forEach((element) => { element.textContent = say(element.dataset.t); });
    for (const each of ["vi", "en"]) document.getElementById(each).setAttribute("aria-pressed", String(each === lang));
    const parts = table();
    for (const clip of data.clips) {
      parts.push(make("h2", {}, `${clip.name} (${clock(clip.duration_s)} ${say("min")})`));
      parts.push(...charts(clip));
      if (clip.b) parts.push(...cards(clip, "lost"), ...cards(clip, "gained"));
      if (clip.b && !clip.lost.length && !clip.gained.length) parts.push(make("p", {}, say("nothing")));
      parts.push(...scene(clip), ...histogram(clip), ...cost(clip));
    }
    document.getElementById("main").replaceChildren(...parts);
  };
  for (const each of ["vi", "en"]) document.getElementById(each).addEventListener("click", () => { lang = each; show(); });
  show();
})();
