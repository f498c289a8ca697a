// What a widget lies on. JupyterLab says so itself; elsewhere nobody does (VS Code puts white behind widgets, on dark
// pages too), so look: the class "dark" and the variable --page tell the style sheet.
function onPaper(root) {
  if (document.body.dataset.jpThemeLight) return () => {};
  const pen = h("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const bytes = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return pen.getImageData(0, 0, 1, 1).data;
  };
  const light = (colour) => {
    const [r, g, b] = bytes(colour);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 127;
  };
  const behind = () => {
    for (let e = root.parentNode; e; e = e.parentNode ?? e.host) {
      const colour = e instanceof Element ? getComputedStyle(e).backgroundColor : "transparent";
      if (bytes(colour)[3] > 127) return colour;
    }
    return null;
  };
  const look = () => {
    if (!root.isConnected) return;
    const page = behind();
    // Where all is transparent, the letters around it are made for what shines through.
    root.classList.toggle("dark", page ? !light(page) : light(getComputedStyle(root.parentElement).color));
    if (page) root.style.setProperty("--page", page);
    else root.style.removeProperty("--page");
  };
  const seen = new IntersectionObserver(look); // a widget is made before it is in the page
  seen.observe(root);
  const themed = new MutationObserver(look);
  for (const e of [document.documentElement, document.body]) themed.observe(e, { attributes: true });
  return () => [seen, themed].forEach((observer) => observer.disconnect());
}

