// A picture that can be looked at closely: buttons, wheel, two fingers, keys and dragging.

const MOST = 8;

class Picture {
  constructor(root) {
    this.frame = root.querySelector(".frame");
    this.image = root.querySelector("img");
    this.said = root.querySelector("output");
    this.fingers = new Map();
    this.reset();
    const acts = { in: () => this.zoom(1.5), out: () => this.zoom(1 / 1.5), all: () => this.reset() };
    root.querySelectorAll("button").forEach((button) => {
      button.onclick = () => acts[button.dataset.act]();
    });
    this.frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && this.scale === 1 && event.deltaY > 0) return;
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== this.frame) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
    }, { passive: false });
    this.frame.addEventListener("dblclick", (event) =>
      this.scale > 1 ? this.reset() : this.zoom(2.5, event.clientX, event.clientY));
    this.frame.addEventListener("pointerdown", (event) => {
      this.frame.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, event);
    });
    for (const end of ["pointerup", "pointercancel"])
      this.frame.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    this.frame.addEventListener("pointermove", (event) => this.drag(event));
    this.frame.addEventListener("keydown", (event) => {
      const keys = {
        "+": acts.in, "=": acts.in, "-": acts.out, "0": acts.all, Escape: acts.all,
        ArrowLeft: () => this.move(60, 0), ArrowRight: () => this.move(-60, 0),
        ArrowUp: () => this.move(0, 60), ArrowDown: () => this.move(0, -60),
      };
      if (!(event.key in keys) || (event.key.startsWith("Arrow") && this.scale === 1)) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  drag(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const others = [...this.fingers.values()].filter((one) => one.pointerId !== event.pointerId);
    if (others.length) {
      const away = (one) => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
      if (away(before) > 0) this.zoom(away(event) / away(before), event.clientX, event.clientY);
    } else {
      this.move(event.clientX - before.clientX, event.clientY - before.clientY);
    }
    this.fingers.set(event.pointerId, event);
  }

  reset() { this.scale = 1; this.x = 0; this.y = 0; this.place(); }

  move(dx, dy) { this.x += dx; this.y += dy; this.place(); }

  zoom(times, clientX, clientY) {
    const box = this.frame.getBoundingClientRect();
    const px = clientX === undefined ? box.width / 2 : clientX - box.left;
    const py = clientY === undefined ? box.height / 2 : clientY - box.top;
    const scale = Math.min(Math.max(this.scale * times, 1), MOST);
    this.x = px - ((px - this.x) * scale) / this.scale;
    this.y = py - ((py - this.y) * scale) / this.scale;
    this.scale = scale;
    this.place();
  }

  place() {
    const width = this.frame.clientWidth, height = this.frame.clientHeight;
    this.x = Math.min(0, Math.max(this.x, width * (1 - this.scale)));
    this.y = Math.min(0, Math.max(this.y, height * (1 - this.scale)));
    this.image.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.frame.classList.toggle("near", this.scale > 1);
    this.said.textContent = `${Math.round(this.scale * 100)}%`;
  }
}

const pictures = new WeakMap();

export default function (component) {
  const root = component.parentElement.querySelector(".picture");
  const { source, alt, width, height } = component.data;
  const image = root.querySelector("img");
  if (!pictures.has(root)) pictures.set(root, new Picture(root));
  if (image.getAttribute("src") !== source) {
    // The place is taken before the picture is there.
    root.querySelector(".frame").style.aspectRatio = `${width} / ${height}`;
    root.querySelector(".frame").style.maxWidth = `min(100%, calc(70vh * ${width / height}))`;
    image.src = source;
    image.alt = alt;
    pictures.get(root).reset();
  }
}
