package tools

// Getter gets what a URL leads to, for http.get.
type Getter interface{}
