package server

import "github.com/labstack/echo/v4"

// Routes are what the server answers.
func (s *Server) Routes() []*echo.Route { return s.echo.Routes() }
