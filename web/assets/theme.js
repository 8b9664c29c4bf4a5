// The scheme of colours that somebody has chosen, before anything is painted.
"use strict";

const chosenScheme = localStorage.getItem("beckon-scheme");
if (chosenScheme) document.documentElement.dataset.theme = chosenScheme;
