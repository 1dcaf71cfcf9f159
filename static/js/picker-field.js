// A codec picker in somebody else's form, as of the Django admin: its lists fill a text input.
(function () {
  "use strict";

  if (window.pickerField) return;

  const { codecsOf, follows, say } = window.pickerLists;

  const textOf = (picker) => picker.querySelector("[data-field-text] input");

  function fill(picker) {
    if (picker.dataset.field === undefined) return;
    const input = textOf(picker);
    input.value = follows(picker) ? "" : codecsOf(picker).join(", ");
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function setUp(picker) {
    const lists = picker.querySelector("[data-field-lists]");
    const input = textOf(picker);
    if (!lists.hidden) return;
    const label = document.querySelector('label[for="' + CSS.escape(input.id) + '"]');
    if (label) {
      label.id = label.id || input.id + "-label";
      lists.setAttribute("role", "group");
      lists.setAttribute("aria-labelledby", label.id);
    }
    picker.querySelector("[data-field-text]").hidden = true;
    lists.hidden = false;
    // Sent empty, the text would mean the list it falls back to: that has its own button.
    input.form.addEventListener("submit", (event) => {
      if (follows(picker) || codecsOf(picker).length) return;
      event.preventDefault();
      picker.querySelector(".picker-grip").focus();
      say(picker, picker.querySelector('[data-list="selected"] + .picker-empty').textContent);
    });
  }

  window.pickerField = { fill, setUp };
})();
