// Stands in for the vendor's widget: takes whatever the page and the visitor say, and believes all of it.
(function () {
  "use strict";
  var line = document.getElementById("hde-contact-widget") || document.getElementById("hde-chat-widget");
  var desk = location.protocol + "//" + line.getAttribute("data-host");
  var russian = line.getAttribute("data-lang") === "ru";
  var said = window.HDE_CONFIG || {};

  function element(name, style, more) {
    var made = Object.assign(document.createElement(name), more);
    Object.assign(made.style, style);
    return made;
  }

  var frame = { position: "fixed", right: "1rem", bottom: "1rem", zIndex: "9" };
  var looks = { font: "inherit", padding: ".6rem 1rem", border: "0", borderRadius: "1.5rem", color: "#fff", background: "#1f5f8a" };
  var field = { display: "block", font: "inherit", width: "100%", boxSizing: "border-box", margin: ".25rem 0 .75rem", padding: ".5rem", color: "#222", background: "#fff" };
  var open = element("button", looks, { id: "hde-contact-widget-button", type: "button", textContent: russian ? "Написать нам" : "Write to us" });
  var panel = element("form", { display: "none", width: "18rem", maxWidth: "calc(100vw - 2rem)", boxSizing: "border-box", padding: "1rem", borderRadius: ".5rem", color: "#222", background: "#fff", boxShadow: "0 2px 16px #0006" });
  var told = element("p", { margin: "0" }, { role: "status" });

  function input(kind, name, label, value) {
    var row = element("label", {}, { textContent: label });
    var box = element(kind, field, { name: name, required: true, value: value || "" });
    row.appendChild(box);
    panel.appendChild(row);
  }
  input("input", "email", "E-mail", said.user_email);
  input("input", "name", russian ? "Имя" : "Name", said.user_name);
  input("textarea", "text", russian ? "Сообщение" : "Message", "");
  var send = element("button", looks, { textContent: russian ? "Отправить" : "Send" });
  panel.appendChild(send);
  panel.appendChild(told);

  open.onclick = function () { panel.style.display = "block"; open.style.display = "none"; };
  panel.onsubmit = function (event) {
    event.preventDefault();
    // As text: a question that is answered without asking whether it may be asked.
    fetch(desk + "/widget/tickets", {
      method: "POST",
      body: JSON.stringify({
        email: panel.elements.email.value,
        name: panel.elements.name.value,
        text: panel.elements.text.value,
        custom_fields: said.custom_fields || {}
      })
    }).then(function (answer) { return answer.json(); }).then(function (done) {
      send.remove();
      told.textContent = (russian ? "Отправлено: " : "Sent: ") + done.number;
      told.dataset.ticket = done.ticket_id;
    });
  };
  var container = element("div", frame, { id: "hde-container" });
  container.appendChild(open);
  container.appendChild(panel);
  document.body.appendChild(container);
})();
