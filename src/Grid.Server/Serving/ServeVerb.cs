using System.CommandLine;
using Grid.Server.Configuration;

namespace Grid.Server.Serving;

/// <summary><c>grid serve</c>: runs a silo until it is told to stop.</summary>
internal static class ServeVerb
{
    public static Command Create()
    {
        LayerOptions options = new();
        Option<int?> siloPort = new("--silo-port") { Description = "Port for other silos (Silo:SiloPort).", HelpName = "PORT" };
        Option<int?> gatewayPort = new("--gateway-port") { Description = "Port for clients (Silo:GatewayPort).", HelpName = "PORT" };
        Option<int?> httpPort = new("--http-port") { Description = "Port for health, metrics and the admin page (Silo:HttpPort); 0 for none.", HelpName = "PORT" };
        Option<string?> name = new("--name") { Description = "The silo's name in status and logs (Silo:Name).", HelpName = "NAME" };
        Option<string?> first = new("--first") { Description = "The first silo's silo port, in development clustering (Clustering:FirstSilo).", HelpName = "HOST:PORT" };
        Command serve = new("serve", "Runs a silo until SIGTERM or Ctrl-C.") { siloPort, gatewayPort, httpPort, name, first };
        options.AddTo(serve);
        serve.SetAction((parsed, _) => SiloProcess.RunAsync(ServerSettings.Read(options.Load(
            parsed,
            ("Silo:SiloPort", parsed.GetValue(siloPort)?.ToString()),
            ("Silo:GatewayPort", parsed.GetValue(gatewayPort)?.ToString()),
            ("Silo:HttpPort", parsed.GetValue(httpPort)?.ToString()),
            ("Silo:Name", parsed.GetValue(name)),
            ("Clustering:FirstSilo", parsed.GetValue(first))))));
        return serve;
    }
}
