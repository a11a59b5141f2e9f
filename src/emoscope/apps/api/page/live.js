"use strict";
// Talks protocol 1 of docs/live-protocol.md. Nothing is fetched from anywhere else.

const PROTOCOL = 1;
const RATE = 16000;
const LONGEST_PX = 640;      // the service looks at no more than this
const FRAMES_PER_S = 25;
const IN_FLIGHT = 2;         // frames that may wait for their reading
const FLOOR_DB = -60;
const MINUTE_S = 60;
const RECORD_S = 2;
const ALIVE_MS = 8000;

const $ = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const theme = asked.get("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
if (asked.get("agreed") === "1") {
  for (const part of document.querySelectorAll(".first")) part.hidden = true;
  $("agree").textContent = "Open them";
}

const session = { socket: null, media: null, audio: null, began: 0, timers: [] };
let colours = {};
let labels = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];
let state = null;            // the newest moment
let sent = [];               // times of frames whose reading has not come
let history = [];            // {t, speaking, shared} of the last minute
let paused = false;
let key = false;             // the voice is read on demand only
let asking = null;           // a recording: the voice reading that stood before it
let shown = [];              // when frames were shown, for the rate
let delay = null;            // of the last reading, in seconds

const now = () => performance.now() / 1000 - session.began;
const percent = (share) => `${Math.round(100 * share)}%`;
const live = () => document.body.dataset.state === "live";

// ---------------------------------------------------------------- opening and closing

async function start() {
  const wanted = { video: $("use-camera").checked, audio: $("use-microphone").checked };
  if (!wanted.video && !wanted.audio) return say("Choose the camera, the microphone or both.");
  document.body.dataset.state = "starting";
  $("agree").disabled = true;
  say(null);
  try {
    session.media = await openMedia(wanted);
    await connect(3);
  } catch (problem) {
    stop();
    return say(problem.message || String(problem));
  }
  const camera = session.media.getVideoTracks().length > 0;
  const microphone = session.media.getAudioTracks().length > 0;
  document.body.dataset.state = "live";
  $("consent").hidden = true;
  $("sound-only").hidden = camera;
  for (const id of ["pause", "stop"]) $(id).disabled = false;
  for (const id of ["record", "voice-mode"]) $(id).disabled = !microphone;
  mark([camera && "Camera", microphone && "microphone"].filter(Boolean).join(" and ") + " open");
  for (const track of session.media.getTracks()) {
    track.onended = () => { stop(); say(`The ${track.kind === "video" ? "camera" : "microphone"} went away. Plug it in and start again.`); };
  }
  if (camera) await startPicture();
  if (microphone) await startSound();
  session.timers.push(setInterval(alive, ALIVE_MS), setInterval(figures, 500));
  $("stop").focus({ preventScroll: true });
}

async function openMedia(wanted) {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers open cameras only on https or on this machine itself (localhost).");
  }
  const camera = { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" };
  const microphone = { channelCount: 1, echoCancellation: true, noiseSuppression: false, autoGainControl: false };
  const open = (video, audio) => navigator.mediaDevices.getUserMedia({ video: video && camera, audio: audio && microphone });
  try {
    return await open(wanted.video, wanted.audio);
  } catch (problem) {
    if (problem.name === "NotFoundError" && wanted.video && wanted.audio) {
      // One of the two may be there.
      const found = await navigator.mediaDevices.enumerateDevices();
      const has = (kind) => found.some((device) => device.kind === kind);
      if (has("videoinput") !== has("audioinput")) {
        say(`No ${has("videoinput") ? "microphone" : "camera"} was found; going on without it.`);
        return open(has("videoinput"), has("audioinput"));
      }
    }
    throw new Error({
      NotAllowedError: "The browser was not allowed to open them. Allow it in the address bar, then try again.",
      NotFoundError: "No camera or microphone was found. Plug one in, then try again.",
      NotReadableError: "Another program uses the camera or microphone. Close it, then try again.",
    }[problem.name] || `They could not be opened (${problem.name}).`);
  }
}

// The session before may take a moment to end: a full service is asked again.
async function connect(attempts) {
  try {
    await greeted();
  } catch (problem) {
    if (problem.code !== "full" || attempts <= 1 || !session.media) throw problem;
    await new Promise((done) => setTimeout(done, 800));
    await connect(attempts - 1);
  }
}

function greeted() {
  return new Promise((done, failed) => {
    const address = new URL("v1/live", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.search = asked.has("key") ? `?key=${encodeURIComponent(asked.get("key"))}` : "";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    session.socket = socket;
    session.began = performance.now() / 1000;
    let why = null;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "hello") {
        if (message.protocol !== PROTOCOL) return failed(new Error("The program speaks another protocol; load this page anew."));
        greet(message);
        configure({ protocol: PROTOCOL });
        done();
      } else if (message.type === "moment") {
        take(message);
      } else if (message.type === "error") {
        why = message;
      }
    };
    socket.onclose = ({ code }) => {
      if (session.socket !== socket) return;
      const reason = why ? sentence(why.message) : code === 1008 ? "The key is not the right one." : "The program does not answer. Is it still running?";
      failed(Object.assign(new Error(reason), { code: why && why.code }));
      if (live()) { stop(); say(reason); }
    };
  });
}

function stop() {
  const { socket, media, audio } = session;
  for (const timer of session.timers) clearInterval(timer);
  Object.assign(session, { socket: null, media: null, audio: null, timers: [] });
  if (media) for (const track of media.getTracks()) { track.onended = null; track.stop(); }
  if (audio) audio.close();
  if (socket) socket.close();
  $("video").srcObject = null;
  document.body.dataset.state = "idle";
  state = null; sent = []; history = []; shown = []; asking = null; delay = null; paused = false; key = false;
  for (const id of ["record", "pause", "voice-mode", "stop"]) $(id).disabled = true;
  for (const id of ["sound-only", "paused-sign", "ring"]) $(id).hidden = true;
  $("consent").hidden = false;
  $("agree").disabled = false;
  if (socket) $("agree").textContent = "Open them again";
  mark(null);
  toggles();
  figures();
  show();
}

function mark(what) {
  $("open-mark").dataset.open = String(Boolean(what));
  $("open-mark").querySelector("b").textContent = what || "Nothing is open";
}

function say(problem) {
  $("message").hidden = !problem;
  $("message").textContent = problem || "";
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

function greet(hello) {
  colours = hello.colours;
  labels = hello.labels;
  $("models").textContent = Object.values(hello.models).join(" · ");
  makeBars();
}

// ---------------------------------------------------------------- sending

function send(text) {
  if (session.socket && session.socket.readyState === WebSocket.OPEN) session.socket.send(text);
}

const configure = (what) => send(JSON.stringify({ type: "config", ...what }));
const alive = () => configure({});

function packet(kind, time, body) {
  const bytes = new Uint8Array(12 + body.byteLength);
  const header = new DataView(bytes.buffer);
  header.setUint8(0, kind);
  header.setUint8(1, PROTOCOL);
  header.setFloat64(4, Math.max(time, 0), true);
  bytes.set(new Uint8Array(body.buffer || body, body.byteOffset || 0, body.byteLength), 12);
  return bytes;
}

async function startPicture() {
  const video = $("video");
  video.srcObject = session.media;
  await video.play();
  const small = document.createElement("canvas");
  const brush = small.getContext("2d", { alpha: false });
  let last = -1;
  let busy = false;
  const each = video.requestVideoFrameCallback
    ? (next) => video.requestVideoFrameCallback(next) : (next) => requestAnimationFrame(next);
  const media = session.media;
  const frame = () => {
    if (session.media !== media) return;
    each(frame);
    const time = now();
    shown.push(time);
    const stale = sent.length && time - sent[sent.length - 1] > 1;
    if (paused || busy || time - last < 0.9 / FRAMES_PER_S) return;
    if (sent.length >= IN_FLIGHT && !stale) return;
    if (stale) sent = [];
    const scale = Math.min(1, LONGEST_PX / Math.max(video.videoWidth, video.videoHeight));
    if (!(video.videoWidth > 0)) return;
    const width = Math.round(video.videoWidth * scale), height = Math.round(video.videoHeight * scale);
    if (small.width !== width || small.height !== height) { small.width = width; small.height = height; }
    brush.drawImage(video, 0, 0, width, height);
    last = time;
    busy = true;
    sent.push(time);
    small.toBlob(async (blob) => {
      if (blob && session.media === media) send(packet(1, time, await blob.arrayBuffer()));
      busy = false;
    }, "image/jpeg", 0.85);
  };
  each(frame);
}

// Runs where the sound is. Windowed-sinc interpolation: any rate to 16 kHz without aliases.
const WORKLET = `
class To16k extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / ${RATE};
    const cut = Math.min(1, 1 / this.step) * 0.92;
    this.half = Math.ceil(16 / cut);
    this.phases = 128;
    this.table = [];
    for (let p = 0; p <= this.phases; p++) {
      const row = new Float32Array(2 * this.half);
      let total = 0;
      for (let k = 0; k < row.length; k++) {
        const x = k - this.half + 1 - p / this.phases;
        const window = 0.5 + 0.5 * Math.cos(Math.PI * Math.min(1, Math.abs(x) / this.half));
        const sinc = x === 0 ? 1 : Math.sin(Math.PI * cut * x) / (Math.PI * cut * x);
        row[k] = sinc * window; total += row[k];
      }
      this.table.push(row.map((value) => value / total));
    }
    this.held = new Float32Array(2 * this.half);
    this.at = this.half - 1;
    this.out = new Int16Array(${RATE / 20});
    this.filled = 0;
  }
  process([input]) {
    const heard = input && input[0];
    if (!heard) return true;
    const all = new Float32Array(this.held.length + heard.length);
    all.set(this.held); all.set(heard, this.held.length);
    while (this.at + this.half < all.length) {
      const first = Math.floor(this.at);
      const row = this.table[Math.round((this.at - first) * this.phases)];
      let sum = 0;
      for (let k = 0; k < row.length; k++) sum += row[k] * all[first - this.half + 1 + k];
      this.out[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sum * 32768)));
      if (this.filled === this.out.length) { this.port.postMessage(this.out.slice()); this.filled = 0; }
      this.at += this.step;
    }
    const drop = Math.floor(this.at) - this.half + 1;
    this.held = all.slice(drop);
    this.at -= drop;
    return true;
  }
}
registerProcessor("to-16k", To16k);`;

async function startSound() {
  const audio = new AudioContext();
  session.audio = audio;
  const address = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
  try {
    await audio.audioWorklet.addModule(address);
  } finally {
    URL.revokeObjectURL(address);
  }
  const node = new AudioWorkletNode(audio, "to-16k", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  let heard = 0, offset = null;
  node.port.onmessage = ({ data }) => {
    const end = (heard + data.length) / RATE;
    // The least delay seen is the truest; after a pause it is found anew.
    const here = now() - end;
    if (offset === null || here < offset || here - offset > 0.5) offset = here;
    if (!paused) send(packet(2, heard / RATE + offset, data));
    heard += data.length;
  };
  audio.createMediaStreamSource(session.media).connect(node);
  if (audio.state === "suspended") await audio.resume();
}

// ---------------------------------------------------------------- what came back

function take(moment) {
  if (moment.frame_time_s !== null && (!state || moment.frame_time_s !== state.frame_time_s)) {
    delay = now() - moment.frame_time_s;  // from the picture's capture to its reading
  }
  state = moment;
  if (moment.frame_time_s !== null) sent = sent.filter((time) => time > moment.frame_time_s + 0.0005);
  const t = now();
  if (!history.length || t - history[history.length - 1].t >= 0.2) {
    history.push({ t, speaking: moment.speaking, shared: moment.fused && moment.fused.shared });
  }
  while (history.length && t - history[0].t > MINUTE_S + 1) history.shift();
  if (asking && moment.recording === null && asking.began) finishRecording(moment);
  else if (asking && moment.recording !== null) asking.began = true;
  show();
}

function leading(moment) {
  const speaks = moment.fused ? moment.fused.track_id : null;
  const area = ({ box_xyxy: [a, b, c, d] }) => (c - a) * (d - b);
  return [...moment.faces].sort((one, other) =>
    (other.track_id === speaks) - (one.track_id === speaks) || area(other) - area(one))[0] || null;
}

function label(id, reading, held) {
  const element = $(id);
  const name = reading ? reading.label || "unsure" : "";
  if (element.dataset.label !== name) element.dataset.label = name;
  element.dataset.held = String(Boolean(held));
  element.querySelector("b").textContent = name || "–";
  element.querySelector("span").textContent = reading && reading.label ? percent(reading.confidence) : "";
  element.querySelector("i").style.background = colours[name] || "";
}

function show() {
  const moment = state;
  const face = moment && leading(moment);
  const voice = moment && moment.voice;
  const fused = moment && moment.fused;
  const translated = moment && moment.translated;
  label("face-label", face, face && face.held);
  label("voice-label", voice, voice && voice.held);
  label("fused-label", fused, false);
  $("face-note").textContent = faceNote(moment, translated);
  $("voice-note").textContent = voiceNote(moment, voice, translated);
  $("fused-note").textContent = fusedNote(fused);
  const columns = [face && face.shared, voice && voice.shared, fused && fused.shared];
  for (const row of $("bars").querySelectorAll("tbody tr")) {
    row.querySelectorAll(".bar").forEach((bar, column) => {
      const share = columns[column] ? columns[column][row.dataset.label] : 0;
      bar.firstChild.style.transform = `scaleX(${share.toFixed(3)})`;
      bar.setAttribute("aria-label", columns[column] ? percent(share) : "nothing read");
      bar.dataset.held = String(column === 1 && Boolean(voice && voice.held));
    });
  }
  meter(moment);
  ring(moment);
  overlay(moment);
}

function faceNote(moment, translated) {
  if (!moment || !moment.faces.length) {
    return translated && translated.to === "face" && translated.top
      ? `Translated from the voice: ${translated.top} ${percent(translated.confidence)}` : "No face in view";
  }
  return moment.faces.length === 1 ? "One face in view" : `${moment.faces.length} faces in view`;
}

function voiceNote(moment, voice, translated) {
  if (asking && asking.silent) return "Too quiet, record again";
  if (moment && moment.recording !== null) return "Recording…";
  if (voice && !voice.held) return "While you speak";
  if (translated && translated.to === "voice" && translated.top && !(voice && now() - voice.end_s < 3)) {
    return `Translated from the face: ${translated.top} ${percent(translated.confidence)}`;
  }
  if (voice) return `Last reading, ${Math.max(0, Math.round(now() - voice.end_s))} s ago`;
  return key ? "Read when you record" : "Nothing heard yet";
}

function fusedNote(fused) {
  if (!fused) return "Nothing read yet";
  const who = fused.modalities.join(" and ");
  if (fused.congruence === null) return `From the ${who} alone`;
  const how = fused.congruence >= 0.6 ? "agree" : fused.congruence >= 0.35 ? "differ a little" : "disagree";
  return `${who.charAt(0).toUpperCase() + who.slice(1)} ${how} (congruence ${percent(fused.congruence)})`;
}

function meter(moment) {
  const level = moment ? moment.level_dbfs : -90;
  const share = Math.min(1, Math.max(0, (level - FLOOR_DB) / -FLOOR_DB));
  const speaking = Boolean(moment && moment.speaking);
  $("speaking").dataset.speaking = String(speaking);
  $("speaking").textContent = speaking ? "speaking" : "silent";
  $("meter").firstElementChild.style.transform = `scaleX(${share.toFixed(3)})`;
  $("meter").setAttribute("aria-valuenow", String(Math.round(Math.max(level, FLOOR_DB))));
  $("dbfs").textContent = moment && level > -90 ? `${Math.round(level)} dB` : "–";
}

function ring(moment) {
  const share = moment ? moment.recording : null;
  const runs = share !== null && share !== undefined;
  $("ring").toggleAttribute("hidden", !runs);
  if (!runs) return;
  $("ring-share").style.strokeDashoffset = String(100 * (1 - share));
  $("ring-text").textContent = (RECORD_S * (1 - share)).toFixed(1);
}

function ink(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((v) => (v <= 0.04 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.3 ? "#14181d" : "#ffffff";
}

function sharp(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const brush = canvas.getContext("2d");
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  brush.clearRect(0, 0, width, height);
  return { brush, width, height };
}

function overlay(moment) {
  const { brush, width, height } = sharp($("overlay"));
  if (!moment || !moment.size_px || paused) return;
  const [across, down] = moment.size_px;
  const scale = Math.min(width / across, height / down);
  const left = (width - across * scale) / 2, top = (height - down * scale) / 2;
  for (const face of moment.faces) {
    const [x1, y1, x2, y2] = face.box_xyxy;
    const colour = colours[face.label] || "#c8ced6";
    // The picture is mirrored.
    const x = left + (across - x2) * scale, y = top + y1 * scale;
    const w = (x2 - x1) * scale, h = (y2 - y1) * scale;
    brush.globalAlpha = face.held ? 0.55 : 1;
    brush.lineWidth = 5; brush.strokeStyle = "rgb(11 14 18 / 45%)";
    outline(brush, x, y, w, h, 12); brush.stroke();
    brush.lineWidth = 3; brush.strokeStyle = colour;
    outline(brush, x, y, w, h, 12); brush.stroke();
    const text = face.label ? `${face.label} ${percent(face.confidence)}` : "unsure";
    brush.font = "600 15px system-ui, sans-serif";
    const wide = brush.measureText(text).width + 18;
    const tx = Math.min(Math.max(x, 4), width - wide - 4);
    const ty = y > 34 ? y - 32 : Math.min(y + h + 6, height - 30);
    brush.fillStyle = colour;
    outline(brush, tx, ty, wide, 26, 8); brush.fill();
    brush.fillStyle = ink(colour);
    brush.textBaseline = "middle";
    brush.fillText(text, tx + 9, ty + 13.5);
    brush.globalAlpha = 1;
  }
}

function outline(brush, x, y, w, h, radius) {
  brush.beginPath();
  brush.roundRect(x, y, w, h, Math.min(radius, w / 2, h / 2));
}

function chart() {
  requestAnimationFrame(() => setTimeout(chart, 200));
  const { brush, width, height } = sharp($("chart"));
  const style = getComputedStyle(document.documentElement);
  const foot = 20, strip = 5, high = height - foot - strip - 3;
  const t = now();
  const at = (time) => width * (1 - (t - time) / MINUTE_S);
  brush.fillStyle = style.getPropertyValue("--track");
  brush.globalAlpha = 0.45;
  brush.fillRect(0, 0, width, high);
  brush.globalAlpha = 1;
  if (live()) {
    history.forEach((one, index) => {
      const next = history[index + 1];
      const x = at(one.t), wide = Math.max((next ? at(Math.min(next.t, one.t + 1)) : at(Math.min(t, one.t + 1))) - x, 0) + 0.6;
      let y = high;
      if (one.shared) {
        for (const name of labels) {
          const tall = one.shared[name] * high;
          brush.fillStyle = colours[name];
          brush.fillRect(x, y - tall, wide, tall + 0.4);
          y -= tall;
        }
      }
      if (one.speaking) {
        brush.fillStyle = style.getPropertyValue("--speech");
        brush.fillRect(x, high + 3, wide, strip);
      }
    });
  }
  brush.fillStyle = style.getPropertyValue("--soft");
  brush.font = "12px system-ui, sans-serif";
  brush.textBaseline = "bottom";
  for (const [ago, text, align] of [[60, "1 min ago", "left"], [30, "30 s", "center"], [0, "now", "right"]]) {
    brush.textAlign = align;
    brush.fillText(text, width * (1 - ago / MINUTE_S), height);
  }
}

function figures() {
  const t = now();
  shown = shown.filter((time) => t - time <= 2);
  const on = live() && state;
  $("fps").textContent = on && shown.length > 1 ? `${Math.round((shown.length - 1) / (t - shown[0]))} fps` : "– fps";
  $("rate").textContent = on ? `${Math.round(state.readings_per_s)} readings/s` : "– readings/s";
  $("delay").textContent = on && delay !== null && !paused ? `${Math.round(1000 * delay)} ms` : "– ms";
}

function makeBars() {
  const body = $("bars").querySelector("tbody");
  body.replaceChildren(...labels.map((name) => {
    const row = document.createElement("tr");
    row.dataset.label = name;
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head, ...["face", "voice", "fused"].map(() => {
      const cell = document.createElement("td");
      const bar = document.createElement("div");
      const fill = document.createElement("i");
      bar.className = "bar";
      bar.setAttribute("role", "img");
      fill.style.background = colours[name] || "";
      bar.append(fill);
      cell.append(bar);
      return cell;
    }));
    return row;
  }));
}

// ---------------------------------------------------------------- keys and buttons

function record() {
  if (!live() || paused || $("record").disabled) return;
  asking = { before: state && state.voice && state.voice.start_s, began: false, silent: false };
  send(JSON.stringify({ type: "record", seconds: RECORD_S }));
}

function finishRecording(moment) {
  const same = moment.voice ? moment.voice.start_s === asking.before : true;
  asking = same ? { ...asking, began: false, silent: true } : null;
}

function toggles() {
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Go on" : "Pause";
  $("paused-sign").hidden = !paused;
  $("voice-mode").setAttribute("aria-pressed", String(key));
  $("voice-mode").textContent = key ? "Voice: on record" : "Voice: always";
}

function pause() {
  if (!live()) return;
  paused = !paused;
  configure({ paused });
  if (paused) $("video").pause(); else { sent = []; $("video").play(); }
  toggles();
  show();
}

function voiceMode() {
  if (!live() || $("voice-mode").disabled) return;
  key = !key;
  configure({ voice: key ? "key" : "auto" });
  toggles();
  show();
}

$("agree").addEventListener("click", start);
$("record").addEventListener("click", record);
$("pause").addEventListener("click", pause);
$("voice-mode").addEventListener("click", voiceMode);
$("stop").addEventListener("click", () => { stop(); $("agree").focus({ preventScroll: true }); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !live()) return;
  if (event.key === " " && event.target.closest("button, input")) return;
  const act = { a: record, " ": pause, v: voiceMode, q: stop, Escape: stop }[event.key];
  if (act) { event.preventDefault(); act(); }
});
addEventListener("resize", () => overlay(state));
addEventListener("pagehide", stop);
makeBars();
figures();
chart();
