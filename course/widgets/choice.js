// A question with radio buttons: native ones, so that labels, arrow keys and screen readers work by themselves.

let groups = 0;

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const name = `choice-${Date.now()}-${groups++}`; // two views of one question are two groups
  const buttons = model.get("options").map((_, i) => h("input", { type: "radio", name, value: i }));
  const labels = model.get("options").map((text, i) => h("label", {}, buttons[i], h("span", {}, text)));
  const note = h("p", { role: "status" });
  const legend = h("legend", {}, h("b", {}, "Predict. "), model.get("question"));
  const field = h("fieldset", {}, legend, ...labels, note);

  buttons.forEach((button, i) =>
    button.addEventListener("change", () => {
      model.set("chosen", i);
      model.save_changes();
    }));
  let lost = false;
  const show = () => {
    const chosen = model.get("chosen");
    buttons.forEach((button, i) => (button.checked = i === chosen));
    if (lost) note.textContent = "The kernel has been restarted. Run the cells down to this one again, then choose.";
    else note.textContent = chosen < 0 ? "Choose, then run the next cell." : "Noted. Now run the next cell.";
  };
  const gone = () => {
    lost = true; // whatever is chosen now, nobody hears it
    show();
  };
  model.on("change:chosen", show);
  model.on("comm_live_update", gone);
  show();

  const root = h("div", { class: "choice" }, field);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return root.closest(".jp-Cell")?.focus();
    // Notebooks take arrows and letters for commands; Ctrl/Cmd and Shift+Enter are meant for them.
    const theirs = event.ctrlKey || event.metaKey || (event.shiftKey && event.key === "Enter");
    if (!theirs) event.stopPropagation();
  });
  el.append(root);
  const gaze = onPaper(root);
  return () => {
    gaze();
    model.off("change:chosen", show);
    model.off("comm_live_update", gone);
  };
}

export default { render };
