// Timers, asked for out of order.

setTimeout(() => console.log(30), 30);
setTimeout(() => console.log(20), 20);
setTimeout(() => console.log(10), 10);
setTimeout(() => console.log(20), 20);
const never = setTimeout(() => console.log("never"), 25);
setTimeout(() => clearTimeout(never), 5);

let times = 0;
setTimeout(() => {
  const often = setInterval(() => {
    console.log("often");
    if (++times === 3) {
      clearInterval(often);
      setTimeout(() => console.log("end"), 50);
    }
  }, 10);
}, 60);
