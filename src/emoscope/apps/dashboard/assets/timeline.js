// The time line of a recording or video: lanes as SVG, a reading of the moment under the pointer,
// a cursor that follows the player, and clicks and keys that move the player.

const SVG = "http://www.w3.org/2000/svg";
const LANES = { title: 18, together: 76, face: 26, wave: 84, words: 30, gap: 8, axis: 22 };
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

function make(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  if (parent) parent.appendChild(node);
  return node;
}

function clock(seconds, tenths = true) {
  const all = Math.round(seconds * 10);
  const whole = tenths ? Math.floor(all / 10) : Math.round(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const head = hours ? `${hours}:${two(minutes)}` : `${minutes}`;
  return `${head}:${two(whole % 60)}${tenths ? "." + (all % 10) : ""}`;
}

const percent = (share) => `${Math.round(share * 100)}%`;
const at = (runs, time) => runs.find((run) => run.start <= time && time < run.end);

class TimeLine {
  constructor(root) {
    this.root = root;
    root.innerHTML =
      '<div class="board" tabindex="0" role="slider" aria-label="time line"></div>' +
      '<div class="moment"></div><ul class="legend" aria-label="emotions"></ul>';
    this.board = root.querySelector(".board");
    this.moment = root.querySelector(".moment");
    this.legend = root.querySelector(".legend");
    this.hover = null;
    this.width = 0;
    this.listen();
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.board);
    this.timer = setInterval(() => this.follow(), 80);
  }

  set(data) {
    this.data = data;
    this.width = 0;
    this.draw();
  }

  close() {
    this.watch.disconnect();
    clearInterval(this.timer);
  }

  get player() {
    return document.querySelector(`${this.data.player} video, ${this.data.player} audio`);
  }

  listen() {
    const time = (event) => {
      const box = this.board.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * this.data.end;
    };
    this.board.addEventListener("pointermove", (event) => {
      this.hover = time(event);
      if (event.buttons) this.seek(this.hover);
      this.tell();
    });
    this.board.addEventListener("pointerleave", () => { this.hover = null; this.tell(); });
    this.board.addEventListener("pointerdown", (event) => this.seek(time(event)));
    this.board.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 5 : 0.5;
      const now = this.now();
      const moves = {
        ArrowRight: now + step, ArrowLeft: now - step, Home: 0, End: this.data.end,
        PageUp: now + 10, PageDown: now - 10,
      };
      if (event.key in moves) this.seek(moves[event.key]);
      else if (event.key === " " || event.key === "Enter") this.toggle();
      else return;
      event.preventDefault();
    });
  }

  now() {
    const player = this.player;
    return player ? Math.min(player.currentTime, this.data.end) : this.placed || 0;
  }

  seek(time) {
    const wanted = Math.min(Math.max(time, 0), this.data.end);
    this.placed = wanted;
    const player = this.player;
    if (player) player.currentTime = wanted;
    this.hover = null;
    this.follow();
  }

  toggle() {
    const player = this.player;
    if (!player) return;
    if (player.paused) player.play(); else player.pause();
  }

  x(time) { return (time / this.data.end) * this.width; }

  draw() {
    const width = Math.floor(this.board.clientWidth);
    if (!this.data || !width || width === this.width) return;
    this.width = width;
    this.board.replaceChildren();
    const svg = make("svg", { width, role: "presentation" }, this.board);
    let y = 0;
    const title = (text) => {
      make("text", { x: 5, y: y + 12, class: "title" }, svg).textContent = text;
      y += LANES.title;
    };
    const { together, faces, words, voice } = this.data;
    if (together) { title("together"); this.drawTogether(svg, y); y += LANES.together + LANES.gap; }
    for (const face of faces) {
      title(face.name);
      this.drawRuns(svg, face.runs, y, LANES.face, (run) => run.label);
      y += LANES.face + LANES.gap;
    }
    if (this.data.more_faces) { title(`and ${this.data.more_faces} more faces`); }
    if (this.data.peaks) {
      title(voice.length ? "voice" : "sound, no speech");
      this.drawWave(svg, y);
      y += LANES.wave + LANES.gap;
    }
    if (words.length) {
      title("words");
      this.drawRuns(svg, words, y, LANES.words, (run) => run.text);
      y += LANES.words + LANES.gap;
    }
    this.drawAxis(svg, y);
    const height = y + LANES.axis;
    svg.setAttribute("height", height);
    this.under = make("line", { y1: 0, y2: height - LANES.axis, class: "under" }, svg);
    this.cursor = make("line", { y1: 0, y2: height - LANES.axis, class: "cursor" }, svg);
    this.drawLegend();
    this.board.setAttribute("aria-valuemin", "0");
    this.board.setAttribute("aria-valuemax", this.data.end.toFixed(1));
    this.follow();
  }

  drawTogether(svg, y) {
    const { labels, columns } = this.data.together;
    const step = this.width / columns.length;
    make("rect", { x: 0, y, width: this.width, height: LANES.together, rx: 6, class: "lane" }, svg);
    const group = make("g", { class: "together" }, svg);
    // Runs of columns with a reading become one area for each label.
    for (let first = 0; first < columns.length; first++) {
      if (!columns[first]) continue;
      let last = first;
      while (last + 1 < columns.length && columns[last + 1]) last++;
      const base = new Array(last - first + 1).fill(0);
      labels.forEach((label, index) => {
        const upper = [], lower = [];
        for (let column = first; column <= last; column++) {
          const low = base[column - first], high = low + columns[column][index];
          base[column - first] = high;
          const left = column * step, right = left + step;
          upper.push([left, high], [right, high]);
          lower.unshift([right, low], [left, low]);
        }
        const points = upper.concat(lower)
          .map(([px, share]) => `${px.toFixed(1)},${(y + (1 - share) * LANES.together).toFixed(1)}`);
        make("polygon", {
          points: points.join(" "), fill: this.data.looks[label].fill, "data-label": label,
        }, group);
      });
      first = last;
    }
  }

  drawRuns(svg, runs, y, height, text) {
    make("rect", { x: 0, y, width: this.width, height, rx: 6, class: "lane" }, svg);
    for (const run of runs) {
      const look = this.data.looks[run.label];
      const x = this.x(run.start), width = Math.max(this.x(run.end) - x - 1, 1.5);
      make("rect", {
        x, y, width, height, rx: Math.min(5, width / 2), fill: look.fill,
        class: "run", "data-label": run.label,
      }, svg);
      this.drawLabel(svg, x, y + height / 2, width, look, text(run));
    }
  }

  drawLabel(svg, x, middle, width, look, words) {
    const room = Math.floor((width - 24) / 6.6);
    const shown = words.length <= room ? words : room > 6 ? `${words.slice(0, room - 1)}…` : "";
    if (width < 14) return;
    make("text", { x: x + 6, y: middle + 4, fill: look.ink, class: "mark" }, svg).textContent =
      shown ? `${look.symbol} ${shown}` : look.symbol;
  }

  drawWave(svg, y) {
    const { peaks, voice } = this.data;
    make("rect", { x: 0, y, width: this.width, height: LANES.wave, rx: 6, class: "lane" }, svg);
    const label = 20, top = y + label, middle = top + (LANES.wave - label) / 2;
    const half = (LANES.wave - label) / 2 - 4;
    for (const run of voice) {
      const look = this.data.looks[run.label];
      const x = this.x(run.start), width = Math.max(this.x(run.end) - x - 1, 1.5);
      make("rect", { x, y, width, height: LANES.wave, rx: 5, fill: look.fill, class: "tint" }, svg);
      make("rect", {
        x, y, width, height: label, rx: 5, fill: look.fill, class: "run", "data-label": run.label,
      }, svg);
      this.drawLabel(svg, x, y + label / 2, width, look, `${run.label} ${percent(run.share)}`);
    }
    const count = Math.min(peaks.length, Math.floor(this.width / 2));
    let ups = "", downs = "";
    for (let column = 0; column < count; column++) {
      const from = Math.floor(column * peaks.length / count);
      const to = Math.max(from + 1, Math.floor((column + 1) * peaks.length / count));
      let low = 0, high = 0;
      for (let i = from; i < to; i++) {
        low = Math.min(low, peaks[i][0]); high = Math.max(high, peaks[i][1]);
      }
      const x = ((column + 0.5) * this.width / count).toFixed(1);
      ups += `${x},${(middle - Math.max(high * half, 0.6)).toFixed(1)} `;
      downs = `${x},${(middle - Math.min(low * half, -0.6)).toFixed(1)} ` + downs;
    }
    make("polygon", { points: ups + downs, class: "wave" }, svg);
  }

  drawAxis(svg, y) {
    const step = STEPS.find((s) => (s / this.data.end) * this.width >= 72) || 7200;
    for (let index = 0; index * step <= this.data.end + 1e-6; index++) {
      const x = this.x(index * step);
      make("line", { x1: x, x2: x, y1: y - 4, y2: y, class: "tick" }, svg);
      const anchor = index === 0 ? "start" : x > this.width - 20 ? "end" : "middle";
      make("text", { x, y: y + 13, class: "time", "text-anchor": anchor }, svg).textContent =
        clock(index * step, step < 1);
    }
  }

  drawLegend() {
    const { together, faces, voice, words, looks } = this.data;
    const seen = new Set(together ? together.labels : []);
    for (const run of [...faces.flatMap((face) => face.runs), ...voice, ...words]) seen.add(run.label);
    this.legend.replaceChildren();
    for (const label of Object.keys(looks).filter((name) => seen.has(name))) {
      const item = document.createElement("li");
      const mark = document.createElement("i");
      mark.textContent = looks[label].symbol;
      mark.style.color = looks[label].fill;
      item.append(mark, label);
      this.legend.appendChild(item);
    }
  }

  follow() {
    if (!this.data || !this.cursor) return;
    const now = this.now();
    if (now === this.shown && this.hover === this.told) return;
    this.shown = now;
    for (const end of ["x1", "x2"]) this.cursor.setAttribute(end, this.x(now));
    this.tell();
  }

  // Says what holds under the pointer, or where the player is.
  tell() {
    if (!this.data || !this.under) return;
    this.told = this.hover;
    const time = this.hover === null ? this.now() : this.hover;
    this.under.style.display = this.hover === null ? "none" : "";
    for (const end of ["x1", "x2"]) this.under.setAttribute(end, this.x(time));
    const readings = this.readings(time);
    const parts = [this.span("time", clock(time))];
    for (const [name, label, share] of readings) {
      const part = this.span("reading", "");
      const mark = document.createElement("i");
      mark.textContent = this.data.looks[label].symbol;
      mark.style.color = this.data.looks[label].fill;
      part.append(this.span("lane-name", name), mark, this.span("label", label), percent(share));
      parts.push(part);
    }
    if (!readings.length) parts.push(this.span("reading", "nothing read here"));
    this.moment.replaceChildren(...parts);
    this.board.setAttribute("aria-valuenow", this.now().toFixed(1));
    this.board.setAttribute("aria-valuetext", [clock(time),
      ...readings.map(([name, label, share]) => `${name} ${label} ${percent(share)}`)].join(", "));
  }

  span(kind, text) {
    const node = document.createElement("span");
    node.className = kind;
    node.textContent = text;
    return node;
  }

  readings(time) {
    const found = [];
    const { together, faces, voice, words } = this.data;
    if (together) {
      const last = together.columns.length - 1;
      const column = together.columns[Math.min(Math.floor(time / this.data.end * (last + 1)), last)];
      if (column) {
        const best = column.indexOf(Math.max(...column));
        found.push(["together", together.labels[best], column[best]]);
      }
    }
    for (const face of faces) {
      const run = at(face.runs, time);
      if (run) found.push([face.name, run.label, run.share]);
    }
    const spoken = at(voice, time), said = at(words, time);
    if (spoken) found.push(["voice", spoken.label, spoken.share]);
    if (said) found.push(["words", said.label, said.share]);
    return found;
  }
}

const lines = new WeakMap();

export default function (component) {
  const root = component.parentElement.querySelector(".timeline");
  if (!lines.has(root)) lines.set(root, new TimeLine(root));
  const line = lines.get(root);
  const text = JSON.stringify(component.data);
  if (text !== line.text) {
    line.text = text;
    line.set(component.data);
  }
  return () => {
    line.close();
    lines.delete(root);
  };
}
