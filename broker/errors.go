package broker

import "errors"

// Errors that callers turn into conditions.
var (
	// ErrNoApplication: the tenant has no application of that name and it was not to be created.
	ErrNoApplication = errors.New("no such application")
	// ErrTooManyTenants: Options.MaxTenants are known already.
	ErrTooManyTenants = errors.New("too many tenants")
	// ErrTooManyApplications: the tenant has Options.MaxApplications already.
	ErrTooManyApplications = errors.New("too many applications")
	// ErrClosing: after Broker.Close; nothing of the operation will be on disk.
	ErrClosing = errors.New("the broker is stopping")
	// ErrApplicationName: the name of an application is not of 1 to 128 bytes.
	ErrApplicationName = errors.New("the name of an application has 1 to 128 bytes")
	// ErrTenantName: the name of a tenant is not of 1 to 255 bytes, or has a 0 among them.
	ErrTenantName = errors.New("the name of a tenant has 1 to 255 bytes, none of them 0")
	// ErrDeviceTooLong: the device id does not fit the envelope.
	ErrDeviceTooLong = errors.New("the device id has more than 32768 bytes")
)
