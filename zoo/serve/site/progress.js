// Asks every two seconds what is new, until nothing more comes.
async function look() {
  let over = false;
  try {
    const answer = await fetch(`${location.pathname}/news`);
    if (answer.ok) {
      const news = await answer.json();
      document.getElementById("state").textContent = news.state;
      document.getElementById("said").textContent = news.said || "Nothing so far.";
      over = news.over;
    }
  } catch {
    // the server may be back in a moment
  }
  if (!over) setTimeout(look, 2000);
}
setTimeout(look, 2000);
