package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// checkListen says whether Hibachi may listen on address with what guards it. Without users everybody who can reach the port can
// read and write everything, so then only this machine may.
func checkListen(address string, users, insecure bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address; it looks like 127.0.0.1:5672", address)
	}
	if users || insecure || isLoopback(host) {
		return nil
	}
	return fmt.Errorf("%s is open to other machines, and without users everybody there could read and write all events: "+
		"give users (--users FILE; `hibachi user add FILE NAME` writes one), or insecure (--insecure) if you mean it", address)
}

// isLoopback tells whether host can only be reached from this machine. A name other than localhost could be anything.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// explainListen says what a port that cannot be had means. flag is the option that names another.
func explainListen(address, flag string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use by another process (another Hibachi?): stop that one, or choose another with %s", address, flag)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s needs rights that this process lacks: choose a port above 1023 with %s", address, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine: choose another with %s", address, flag)
	}
	return fmt.Errorf("listen on %s (%s): %w", address, flag, err)
}
