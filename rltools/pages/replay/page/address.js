// The page's address names a step, `#step=120`, and the episode if there are several, `#episode=3&step=120`.

// The episode number and the step in the address; null where it has no such number.
export function readAddress() {
  const fields = new URLSearchParams(location.hash.slice(1));
  const whole = (name) => (/^\d{1,9}$/.test(fields.get(name) ?? "") ? Number(fields.get(name)) : null);
  return { episode: whole("episode"), step: whole("step") };
}

// `episode` is null on a page with one episode.
export function addressOf(episode, step) {
  return `#${episode === null ? "" : `episode=${episode}&`}step=${step}`;
}
