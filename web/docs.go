package web

import "github.com/labstack/echo/v4"

// docsPage renders the OpenAPI document, with Swagger UI from our own assets.
func (w *Web) docsPage() page {
	return page{path: "/docs", template: "docs", title: "API", open: true, data: func(echo.Context) (any, error) { return nil, nil }}
}
