// Plays the part of a network that never comes up: a set-up that is never done.

export default function never() {}
