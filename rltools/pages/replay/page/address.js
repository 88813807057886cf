// The page's address names a moment: `#step=120`, and where there are several episodes `#episode=3&step=120`.

function addressed() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const whole = (name) => (/^\d{1,9}$/.test(asked.get(name) ?? "") ? Number(asked.get(name)) : null);
  return { step: whole("step"), episode: whole("episode") };
}

function addressOf(step) {
  const several = index.sides[0].length > 1;
  return `#${several ? `episode=${index.sides[0][opened.episode].number}&` : ""}step=${step}`;
}

function followAddress() {
  const { step, episode } = addressed();
  const at = index.sides[0].findIndex(({ number }) => number === episode);
  if (at >= 0 && at !== opened.episode) open(at);
  if (step !== null) seek(step);
}
