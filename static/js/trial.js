// Tells the server that a step of a trunk's test is shown: it sends no more than a few that are not.
document.addEventListener("htmx:wsAfterMessage", (event) => {
  const { target, detail } = event;
  if (target instanceof Element && target.closest("#trunk-test")) detail.socketWrapper.send("shown");
});
