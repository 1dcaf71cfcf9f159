"""Pages that ask by themselves every few seconds ask sooner, so that a test need not wait so long.

It runs before the scripts of a page: `page.add_init_script(SOONER)`. No timer of our scripts on
those pages is as long as one of htmx's `every`, to the millisecond.
"""

SOONER = """
(() => {
  const later = window.setTimeout.bind(window);
  window.setTimeout = (run, ms, ...given) =>
    later(run, [5000, 10000].includes(ms) ? ms / 5 : ms, ...given);
})();
"""
