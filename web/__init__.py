"""What faces browsers: bounds on requests and connections, signing in, the origin of websockets."""
