package mail

import "time"

// IdleFor has connections wait for so long.
func (s *Server) IdleFor(d time.Duration) { s.connections.idleFor = d }

// PassDeadlines has the time of the mail before be over at all connections that wait.
func (s *Server) PassDeadlines() {
	for _, one := range s.connections.idle {
		_ = one.smtp.UpdateDeadline(-time.Second)
	}
}
