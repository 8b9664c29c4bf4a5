package server

import (
	"log/slog"
	"net"

	"github.com/labstack/echo/v4"
)

// Routes are what the server answers.
func (s *Server) Routes() []*echo.Route {
	return append(s.echo.Routes(), s.adminAPI().echo.Routes()...)
}

// BoundListener has a listener accept no more than so many connections at the same time.
func BoundListener(l net.Listener, most int, log *slog.Logger) net.Listener {
	return limitConnections(l, most, log)
}
