// The sensors. These three make numbers up; a project of your own reads its hardware here.

let sample = 0;

export default {
  next() {
    return ++sample;
  },
  get temperature() {
    return 21 + 4 * Math.sin(sample / 40);
  },
  get humidity() {
    return 55 - 10 * Math.sin(sample / 40);
  },
};
