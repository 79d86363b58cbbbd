// A place to drop files at: they are uploaded, then the server is told where it has put them.
const box = element.querySelector(".drop"), input = element.querySelector("input");
const words = element.querySelector(".words"), told = element.querySelector(".told");
const { accept, largest, text, several } = props;
input.accept = accept.join();
input.multiple = several;
const say = (message) => { told.textContent = message; told.hidden = !message; };
async function send(files) {
  if (box.classList.contains("busy")) return;
  const paths = [], refused = [];
  box.classList.add("busy");
  say("");
  for (const file of files) {
    const name = file.name.toLowerCase();
    if (!accept.some((end) => name.endsWith(end))) { refused.push(`${file.name}: expected ${accept.join(" ")}`); continue; }
    if (file.size > largest * 1e6) { refused.push(`${file.name}: expected at most ${largest} MB; crop it, or save it as a smaller type`); continue; }
    words.textContent = `uploading ${file.name} …`;
    try {
      const sent = await upload(file);
      paths.push(sent.path);
    } catch (error) {
      refused.push(`${file.name}: it did not reach the server; try again`);
    }
  }
  words.textContent = text;
  box.classList.remove("busy");
  input.value = "";
  say(refused.join("; "));
  if (paths.length) trigger("dropped", { paths });
}
input.onchange = () => send([...input.files]);
const area = several ? document : box;
area.addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("over"); });
area.addEventListener("dragleave", () => box.classList.remove("over"));
area.addEventListener("drop", (event) => {
  box.classList.remove("over");
  // A file beside the place would else replace the page.
  event.preventDefault();
  if (event.target.closest && event.target.closest(".drop") && !box.contains(event.target)) return;
  send([...event.dataTransfer.files]);
});
words.textContent = text;
