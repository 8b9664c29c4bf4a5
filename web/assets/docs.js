// Shows the OpenAPI document. No validator: that would ask another server.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
paint();
dark.addEventListener("change", paint);

SwaggerUIBundle({ url: document.querySelector("#api a").href, dom_id: "#api", deepLinking: true, validatorUrl: null });
