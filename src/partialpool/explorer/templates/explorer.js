"use strict";
(async () => {
  const numbers = JSON.parse(document.getElementById("numbers").textContent);
  const pictures = JSON.parse(document.getElementById("pictures").textContent);
  const element = id => document.getElementById(id);
  const drawn = pictures.filter(picture => element(picture.target_id) !== null);
  await Promise.all(drawn.map(picture => Bokeh.embed.embed_item(picture)));

  // Bokeh's event layers can take the focus, but these pictures have no keyboard controls.
  const unfocus = root => root.querySelectorAll("*").forEach(part => {
    part.removeAttribute("tabindex");
    if (part.shadowRoot) unfocus(part.shadowRoot);
  });
  document.querySelectorAll(".plot").forEach(unfocus);

  const model = name => Bokeh.documents.map(d => d.get_model_by_name(name)).find(m => m !== null);
  const count = numbers.names.length, last = numbers.last;
  const table = [...element("levels").tBodies[0].rows];
  const cell = (row, name) => row.querySelector(`[data-cell=${name}]`);
  const byPrior = new Map(numbers.studies.map(study => [`${study.family} ${study.scale}`, study]));

  // Names beside the rows: width of a letter in pixels, and the share of the picture they may take.
  const NAME_LETTER = 7.5, NAME_SHARE = 0.45;
  // Half an arrowhead at an end of the axis, in pixels.
  const ARROW = 7;

  // State of the page: the slider's step (may be fractional), the prior, the order, and the levels shown.
  const state = {
    step: 0,
    follows: true,
    study: numbers.studies[0],
    order: "estimate",
    hidden: new Set(),
    pointed: null,
  };

  // Zero has no sign.
  const written = value => value === null ? "\u2013" : value.toFixed(numbers.decimals).replace(/^-(?=[0.]*$)/, "").replace("-", "\u2212");
  const withUnit = value => written(value) + (numbers.unit ? ` ${numbers.unit}` : "");
  // An sd without a unit has a scale, such as log odds.
  const sdWithUnit = value => withUnit(value) + (numbers.sd_scale ? ` in ${numbers.sd_scale}` : "");
  const percent = share => share === null ? "\u2013" : `${Math.round(100 * share)}\u00a0%`;
  // A right-to-left name must not reorder the numbers after it.
  const isolated = name => `\u2068${name}\u2069`;
  // A mean of the response, where the picture has an axis of them: a probability, an expected count.
  const means = numbers.means;
  const meanText = value => value === null ? "" : value.toFixed(means.decimals);
  const endText = k => numbers.endless[k] > 0 ? "\u221e" : "\u2212\u221e";
  const sdText = sd => sd === null ? "infinite" : sdWithUnit(sd);

  // Intervals, and who is the highest, under the prior that is chosen; null where it could not be fitted.
  const certain = () => numbers.certain[numbers.studies.indexOf(state.study)];
  const shownEnds = k => {
    const found = certain();
    if (!found) return "\u2013";
    return means ? `${meanText(found.means.low[k])} to\u00a0${meanText(found.means.high[k])}` : `${written(found.low[k])} to\u00a0${written(found.high[k])}`;
  };
  const chance = share => share < 0.005 ? "<\u00a01\u00a0%" : share >= 0.995 ? ">\u00a099\u00a0%" : percent(share);
  const equals = share => share < 0.005 || share >= 0.995 ? chance(share) : `=\u00a0${chance(share)}`;
  // What a probability says is decided once, for the list of things to try too; levels of equal records are a tie.
  const tied = k => numbers.ties[k].length === 0 ? "" : `; a tie with ${numbers.ties[k].slice(0, 3).map(isolated).join(", ")}${numbers.ties[k].length > 3 ? ` and ${numbers.ties[k].length - 3} more` : ""}: equal records`;

  // Linear interpolation between two columns; where the right one has a gap, the left value is kept.
  const between = (left, right, share) => left === null || right === null ? left : left + share * (right - left);
  const place = () => {
    const low = Math.min(Math.floor(state.step), last);
    return [low, Math.min(low + 1, last), state.step - low];
  };
  const single = column => {
    const [low, high, share] = place();
    return between(column[low], column[high], share);
  };
  const every = columns => {
    const [low, high, share] = place();
    return columns[low].map((value, k) => between(value, columns[high][k], share));
  };

  function drawLevels() {
    const here = every(numbers.values), own = numbers.values[last], y = numbers.ranks[state.order];
    const hereMean = means && every(means.values);
    const shown = here.map((_, k) => k).filter(k => !state.hidden.has(k));
    const gaps = values => shown.map(k => values[k] === null ? NaN : values[k]);
    // Where levels have different values of other predictors, each has marks instead of the two lines.
    const marks = numbers.populations ? every(numbers.populations) : here.map(() => null);
    const ends = numbers.populations ? numbers.values[0] : marks;
    // An estimate beyond the axis is an arrowhead at its end; its number is in the table.
    const {start, end} = model("levels-plot").x_range;
    const wide = Bokeh.index.get_by_id(model("levels-plot").id)?.frame.bbox.width || 600;
    const room = Math.max(0.012, ARROW / wide) * (end - start);
    const outside = value => value !== null && (value < start + room || value > end - room);
    const inside = values => gaps(values.map(value => outside(value) ? null : value));
    const clipped = values => gaps(values.map(value => value === null ? null : Math.min(Math.max(value, start + room), end - room)));
    // An infinite one too: the mean has a limit there, 0 or 1 for a probability.
    const reach = values => values.map((value, k) => value === null && numbers.endless[k] ? numbers.endless[k] * Infinity : value);
    const numberAt = k => hereMean ? meanText(hereMean[k]) : here[k] === null ? endText(k) : written(here[k]);
    for (const [name, values] of [["own", reach(own)], ["here", reach(here)]]) {
      const far = shown.filter(k => outside(values[k])), low = far.map(k => values[k] < start + room);
      model(`beyond-${name}`).data = {
        x: low.map(left => left ? start + room : end - room), y: far.map(k => y[k]), angle: low.map(left => (left ? 1 : -1) * Math.PI / 2),
        text: far.map(numberAt), inwards: low.map(left => left ? 10 : -10), align: low.map(left => left ? "left" : "right"),
      };
    }
    const bars = certain();
    const ended = name => shown.map(k => bars ? bars[name][k] : NaN);
    model("levels").data = {y: shown.map(k => y[k]), own: inside(own), here: inside(here), low: ended("low"), high: ended("high"), from: clipped(reach(own)), to: clipped(reach(here)), complete: gaps(ends), population: gaps(marks), level: shown};
    if (numbers.population) model("population").location = single(numbers.population);
    model("sd-now").location = state.step;
    const shares = numbers.shares && every(numbers.shares), sd = single(numbers.sds);
    table.forEach((row, k) => {
      cell(row, "here").textContent = here[k] === null && numbers.endless[k] ? endText(k) : written(here[k]);
      if (means) cell(row, "here-mean").textContent = meanText(hereMean[k]);
      if (shares) cell(row, "share").textContent = percent(shares[k]);
    });
    element("sd-here").textContent = sdText(sd);
    element("sd").setAttribute("aria-valuetext", sdText(sd));
    element("reads").textContent = reading(sd, shares);
    const pressed = {"to-complete": state.step === 0, "to-median": state.follows && state.study.sd !== null, "to-none": state.step === last};
    Object.entries(pressed).forEach(([button, is]) => element(button).setAttribute("aria-pressed", String(is)));
    tell();
  }

  function reading(sd, shares) {
    const {complete, none, between} = numbers.readings;
    if (sd === 0) return complete;
    if (sd === null) return none;
    const clear = (shares ?? []).filter(share => share !== null);
    const low = percent(Math.min(...clear)), high = percent(Math.max(...clear));
    return between.replace("{share}", low === high ? low : `${low} to ${high}`);
  }

  function drawPrior() {
    const {sd, icc, good} = state.study;
    element("scale").disabled = state.study.scale === null;
    element("scale-here").textContent = state.study.scale === null ? "" : numbers.scales[state.study.scale] + (numbers.unit || numbers.sd_scale ? ` ${numbers.unit || `(${numbers.sd_scale})`}` : "");
    element("scale").setAttribute("aria-valuetext", element("scale-here").textContent);
    const shares = icc && icc.posterior.map((_, k) => k / (icc.posterior.length - 1));
    const above = [
      curve("sd", sd, sd && sd.posterior.map((_, k) => k), sd && sd.steps),
      model("icc-curve") && curve("icc", icc, shares, icc),
    ];
    element("above").hidden = !above.includes(true);
    element("summary").textContent = summary(sd, icc, good);
    table.forEach((row, k) => {
      cell(row, "interval").textContent = shownEnds(k);
      cell(row, "highest").textContent = certain() ? chance(certain().highest[k]) : "\u2013";
    });
    drawNewcomer();
    widen();
    redraw(drawLevels);
  }

  // The axis of estimates holds the intervals under the chosen prior.
  function widen() {
    const range = model("levels-plot").x_range;
    state.ends ??= [range.start, range.end];
    const [start, end] = state.ends, beside = 0.01 * (end - start), bars = certain();
    if (bars) range.setv({start: Math.min(start, Math.min(...bars.low) - beside), end: Math.max(end, Math.max(...bars.high) + beside)});
  }

  // A level without rows: its density and interval below the others, and a sentence.
  function drawNewcomer() {
    if (!model("newcomer")) return;
    const found = certain()?.newcomer, {summary, base, top} = numbers.newcomer_rows, x = numbers.newcomer_points;
    model("newcomer").data = found ? {x, base: x.map(() => base), top: found.density.map(height => base + height * (top - base))} : {x: [], base: [], top: []};
    model("newcomer-summary").data = found ? {low: [found.low], middle: [found.median], high: [found.high], y: [summary]} : {low: [], middle: [], high: [], y: []};
    const text = found && (numbers.probable ? name => frequency(found.means[name], tenths(found.means)) : means ? name => meanText(found.means[name]) : name => written(found[name]));
    const units = means || !numbers.unit ? "" : ` ${numbers.unit}`;
    element("newcomer").textContent = !found ? "Under this prior nothing can be said of a new one."
      : `A new one that we have never seen: about ${text("median")}${units}; probably (${numbers.interval.replace(" interval", "")}) between ${text("low")} and ${text("high")}${units}.`;
  }

  // Of 10, or of 100 where an end would be 0 or 10 of 10.
  const tenths = of => (Math.min(of.low, 1 - of.high) < 0.05 ? 100 : 10);
  const frequency = (share, whole) => {
    const count = Math.round(share * whole);
    return count === 0 ? `less than 1 of ${whole}` : count === whole ? `more than ${whole - 1} of ${whole}` : `${count} of ${whole}`;
  };

  function curve(kind, outline, x, marks) {
    const none = {x: [], posterior: [], prior: []};
    model(`${kind}-curve`).data = outline ? {x, posterior: outline.posterior, prior: outline.prior} : none;
    const summed = outline ? {low: [marks.low], middle: [marks.median], high: [marks.high], y: [0.06]} : {low: [], middle: [], high: [], y: []};
    model(`${kind}-summary`).data = summed;
    // A prior that exceeds the top of the picture is marked there, inside the frame.
    const {x_range: wide, y_range: high} = model(`${kind}-plot`);
    const leaves = outline ? outline.prior.findIndex(density => density > high.end) : -1;
    const room = 0.02 * (wide.end - wide.start);
    const above = leaves < 0 ? [] : [Math.min(Math.max(x[leaves], wide.start + room), wide.end - room)];
    model(`${kind}-above`).data = {x: above, y: above.map(() => high.end - 0.08)};
    return above.length > 0;
  }

  function summary(sd, icc, good) {
    if (!sd) return "Under this prior the model could not be fitted.";
    let text = `Posterior under this prior: sd ${sdWithUnit(sd.median)}, ${numbers.interval} ${written(sd.low)} to ${written(sd.high)}`;
    if (icc) text += `; ICC ${icc.median.toFixed(2)}, ${icc.low.toFixed(2)} to ${icc.high.toFixed(2)}`;
    if (sd.beyond >= 0.01) text += `. ${percent(sd.beyond)} is beyond the linear part of the axis`;
    return text + (good ? "." : ". The diagnostics of this fit are not good: do not rely on it.");
  }

  function tell() {
    const k = state.pointed;
    element("told").classList.toggle("full", k !== null);
    table.forEach((row, at) => row.classList.toggle("pointed", at === k));
    const band = model("pointed");
    if (k === null || state.hidden.has(k)) band.visible = false;
    else {
      const y = numbers.ranks[state.order][k];
      band.setv({bottom: y - 0.5, top: y + 0.5, visible: true});
    }
    if (k === null) {
      element("told").textContent = `Point at a ${numbers.one}, or tap it, for its numbers, and for whether it is the highest; the table lists them all.`;
      return;
    }
    const share = numbers.shares && every(numbers.shares)[k];
    const pull = share === null ? "" : `, ${numbers.pull} ${percent(share)}`;
    element("told").textContent = `${isolated(numbers.names[k])}: ${numbers.amounts[k]}; ${(means ? byMean : byValue)(k)}${pull}.`
      + (certain() ? ` The compromise: ${numbers.interval} ${shownEnds(k)}; P(highest of ${numbers.n_levels})\u00a0${equals(certain().highest[k])}: ${certain().verdicts[k]}${tied(k)}.` : "")
      + (means ? ` In brackets: ${means.predictor}.` : "");
  }

  const missing = k => numbers.empty[k] ? "no estimate alone" : numbers.endless[k] ? `alone it would ${numbers.ends_said[numbers.endless[k]]}` : numbers.infinite[k] ? "no estimate alone" : "not identified by its own rows";

  function byValue(k) {
    const own = numbers.values[last][k], here = every(numbers.values)[k];
    const alone = own === null ? missing(k) : `alone ${written(own)} (standard error ${written(numbers.errors[k])})`;
    return `${alone}; all together ${written(numbers.values[0][k])}; here ${here === null && numbers.endless[k] ? endText(k) : withUnit(here)}`;
  }

  // The linear predictor is in brackets behind the mean.
  function byMean(k) {
    const own = numbers.values[last][k], here = every(numbers.values)[k];
    const alone = numbers.endless[k] ? `alone ${meanText(means.values[last][k])}: it would ${numbers.ends_said[numbers.endless[k]]}`
      : own === null ? missing(k)
      : `alone ${meanText(means.values[last][k])} (${written(own)}, standard error ${written(numbers.errors[k])})`;
    const now = here === null ? numbers.endless[k] ? `${meanText(every(means.values)[k])} (${endText(k)})` : "\u2013"
      : `${meanText(every(means.values)[k])} (${written(here)})`;
    return `${alone}; all together ${meanText(means.values[0][k])} (${written(numbers.values[0][k])}); here ${now}`;
  }

  // Many events may occur between two frames: each picture is redrawn only once.
  const waiting = new Set();
  function redraw(...parts) {
    if (waiting.size === 0) requestAnimationFrame(() => {
      const due = [...waiting];
      waiting.clear();
      due.forEach(part => part());
    });
    parts.forEach(part => waiting.add(part));
  }

  function moveTo(step, follows) {
    state.step = step;
    state.follows = follows;
    element("sd").value = Math.round(step);
    redraw(drawLevels);
  }
  const toMedian = () => moveTo(state.study.sd ? state.study.sd.steps.median : state.step, true);

  function choosePrior(family, scale) {
    const chosen = byPrior.get(`${family} ${scale}`) ?? byPrior.get(`${family} null`);
    if (!chosen) return;
    state.study = chosen;
    redraw(drawPrior);
    if (state.follows) toMedian();
  }

  function show(k, shown) {
    if (shown) state.hidden.delete(k); else state.hidden.add(k);
    table[k].classList.toggle("hidden", !shown);
    table[k].querySelector("input").checked = shown;
    redraw(drawLevels);
  }

  function point(k) {
    if (k === state.pointed) return;
    state.pointed = k;
    redraw(tell);
  }

  function reorder(order) {
    state.order = order;
    nameRows();
    redraw(drawLevels);
  }

  // On a phone the labels of the axes are smaller, and long ones have a line for the place of the predictors.
  function labelAxes() {
    const plot = model("levels-plot"), narrow = element("levels-plot").clientWidth < 500;
    [...plot.below, ...plot.above].forEach(axis => {
      const label = axis.axis_label, whole = label.text.replace("\nat ", " at ");
      label.text = narrow && whole.length > 24 ? whole.replace(" at ", "\nat ") : whole;
      axis.setv({axis_label: label, axis_label_text_font_size: narrow ? "13px" : "15px"});
    });
    // The picture stays in view on a phone: it is lower, and the heading above it is its label.
    const low = matchMedia("(max-width: 40rem)").matches, sd = model("sd-plot"), along = sd.below[0];
    state.sdLabel ??= along.axis_label;
    along.axis_label = low ? null : state.sdLabel;
    sd.height = low ? 90 : 155;
    plot.below[0].ticker.desired_num_ticks = narrow ? 4 : 6;
    redraw(drawLevels);
  }

  // The names beside the rows, with how much each level has where that leaves most of the width to the picture.
  function nameRows() {
    const axis = model("levels-axis"), texts = axis.major_label_overrides;
    // Names are left out where there is no room for them.
    if (texts.size === 0) return;
    state.labels ??= numbers.ranks.estimate.map(rank => texts.get(rank));
    state.names ??= state.labels.map(label => label.text);
    const full = state.names.map((name, k) => numbers.beside[k] ? `${isolated(name)} (${numbers.beside[k]})` : name);
    const width = Math.max(...state.names.map((name, k) => name.length + numbers.beside[k].length + 3)) * NAME_LETTER;
    const texted = width <= NAME_SHARE * element("levels-plot").clientWidth ? full : state.names;
    state.labels.forEach((label, k) => { label.text = texted[k]; });
    state.others ??= [...texts].filter(([row]) => !numbers.ranks.estimate.includes(row));
    axis.major_label_overrides = new Map([...numbers.ranks[state.order].map((rank, k) => [rank, state.labels[k]]), ...state.others]);
  }

  element("sd").addEventListener("input", event => moveTo(Number(event.target.value), false));
  element("to-complete").addEventListener("click", () => moveTo(0, false));
  element("to-none").addEventListener("click", () => moveTo(last, false));
  element("to-median").addEventListener("click", toMedian);
  element("family").addEventListener("change", event => choosePrior(event.target.value, element("scale").value));
  element("scale").addEventListener("input", event => choosePrior(element("family").value, event.target.value));
  element("show-all").addEventListener("click", () => table.forEach((_, k) => show(k, true)));
  element("show-none").addEventListener("click", () => table.forEach((_, k) => show(k, false)));
  element("order")?.addEventListener("change", event => reorder(event.target.value));
  table.forEach((row, k) => {
    row.querySelector("input").addEventListener("change", event => show(k, event.target.checked));
    row.addEventListener("mouseenter", () => point(k));
    row.addEventListener("focusin", () => point(k));
  });
  const level = event => numbers.ranks[state.order].indexOf(Math.round(event.y));
  const pointAt = event => point(level(event) < 0 ? null : level(event));
  model("levels-plot").js_event_callbacks = {mousemove: [pointAt], tap: [pointAt]};
  document.addEventListener("click", event => {
    if (!event.target.closest("#levels-plot, #mover, #levels")) point(null);
  });

  table.forEach((row, k) => {
    cell(row, "own").textContent = numbers.infinite[k] ? means && numbers.endless[k] ? endText(k) : "not finite" : written(numbers.values[last][k]);
    if (means) cell(row, "own-mean").textContent = meanText(means.values[last][k]);
    cell(row, "error").textContent = written(numbers.errors[k]);
  });
  if (numbers.population) {
    const complete = withUnit(numbers.values[0][0]);
    element("complete-here").textContent = means ? `${meanText(means.values[0][0])} (${complete})` : complete;
    model("complete").location = numbers.values[0][0];
  } else ["complete", "population"].forEach(name => { model(name).visible = false; });
  // After a reload the browser may have kept the previous choices.
  element("family").value = state.study.family;
  element("scale").value = state.study.scale ?? numbers.own_scale;
  if (element("order")) element("order").value = state.order;
  table.forEach(row => { row.querySelector("input").checked = true; });
  nameRows();
  labelAxes();
  addEventListener("resize", () => redraw(nameRows, labelAxes));
  drawPrior();
  toMedian();
  document.documentElement.dataset.ready = "yes";
})();
