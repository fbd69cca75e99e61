using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Grid.Server.Configuration;
using Grid.Silo;

namespace Grid.Server.Doctor;

/// <summary>What can be told of a configuration without any silo, on the machine where it is to run.</summary>
internal static class ConfigurationChecks
{
    /// <summary>Reads the configuration as <c>serve</c> would.</summary>
    /// <returns>The settings; null when they cannot be used.</returns>
    public static ServerSettings? Check(ServerConfiguration configuration, Findings findings)
    {
        ServerSettings? settings = ServerSettings.TryRead(configuration, out List<string> errors, out List<string> warnings);
        foreach (string error in errors)
            findings.Error("configuration.invalid", error, "Correct the key; src/Grid.Server/Configuration/REFERENCE.md, or 'grid config reference', describes it.");
        foreach (string warning in warnings.Where(static warning => !warning.StartsWith("Silo:StopGraceSeconds", StringComparison.Ordinal)))
            findings.Warn("configuration.unknown", warning, "Correct the key, or take it out.");
        if (settings is not null)
            CheckSettings(settings.Grid, settings.Clustering.Provider, settings.Silo.StopGraceSeconds, "", findings);
        return settings;
    }

    /// <summary>What settings do not promise, whoever has them.</summary>
    /// <param name="grid">Section Grid.</param>
    /// <param name="provider">What keeps the shard records.</param>
    /// <param name="graceSeconds">How long the silo may take to stop; 0 when that is not known.</param>
    /// <param name="who">Whose settings they are, with a blank behind; empty for the configuration's.</param>
    /// <param name="findings">Where findings go.</param>
    public static void CheckSettings(GridOptions grid, ClusteringProvider provider, int graceSeconds, string who, Findings findings)
    {
        if (provider == ClusteringProvider.Development)
            findings.Warn("store.development", $"{who}Clustering:Provider is Development: membership and shard records live in the memory of the first silo, and the cluster is lost with it.", "For more than development, set Clustering:Provider to Redis or PostgreSql.");
        if (grid.Replicas == 0)
            findings.Warn("replicas.none", $"{who}Grid:Replicas is 0: a silo's death loses its shards.", "Set Grid:Replicas to 1, or to 2 in production.");
        else if (grid.MinInSync == 0)
            findings.Warn("replicas.mininsync", $"{who}Grid:MinInSync is 0: while a shard's in-sync set is the primary alone, acknowledged writes do not survive its death.", $"Set Grid:MinInSync to 1{(grid.Replicas == 1 ? " and Grid:Replicas to 2, so that writes go on while a silo is away" : "")}.");
        else if (grid.MinInSync == grid.Replicas)
            findings.Warn("replicas.mininsync", $"{who}Grid:MinInSync is {grid.MinInSync}, like Grid:Replicas: writes are refused as soon as one copy is away.", $"Raise Grid:Replicas to {Math.Min(6, grid.Replicas + 1)}, or lower Grid:MinInSync.");
        double need = ServerSettings.StopTime(grid).TotalSeconds;
        if (graceSeconds == 0)
            findings.Note("drain.grace", $"{who}How long whatever runs the silo waits before it kills it is not known (Silo:StopGraceSeconds is 0); the silo may take {need:0} s to stop.", $"Make sure that it waits {need:0} s (terminationGracePeriodSeconds, TimeoutStopSec), and say so in Silo:StopGraceSeconds.");
        else if (graceSeconds < need)
            findings.Error("drain.grace", $"{who}The silo may take {need:0} s to stop (Grid:DrainMs {grid.DrainMs}, and {ServerSettings.TimeAfterDrain.TotalSeconds:0} s more), but is killed after {graceSeconds} s (Silo:StopGraceSeconds): what it holds may be nowhere else by then.", $"Allow it {need:0} s{(graceSeconds > ServerSettings.TimeAfterDrain.TotalSeconds ? $", or lower Grid:DrainMs to {(graceSeconds - (int)ServerSettings.TimeAfterDrain.TotalSeconds) * 1000}" : "")}.");
    }

    /// <summary>Whether the silo's ports can be had here.</summary>
    public static void CheckPorts(ServerSettings settings, Findings findings)
    {
        if (!IsOfThisMachine(settings.Address))
        {
            findings.Note("ports.address", $"Silo:Address {settings.Address} is no address of this machine: whether its ports are free cannot be told here.", "Run the doctor where the silo is to run, or correct Silo:Address.");
            return;
        }

        (string Key, int Port)[] ports = [("Silo:SiloPort", settings.Silo.SiloPort), ("Silo:GatewayPort", settings.Silo.GatewayPort), ("Silo:HttpPort", settings.Silo.HttpPort)];
        foreach ((string key, int port) in ports.Where(static one => one.Port != 0))
        {
            try
            {
                using TcpListener probe = new(settings.Address, port);
                probe.Start();
            }
            catch (SocketException refused)
            {
                findings.Error("ports.taken", string.Create(CultureInfo.InvariantCulture, $"No silo answers, yet port {port} of {settings.Address} ({key}) cannot be had: {refused.Message}."), $"Stop what listens there, or choose another {key}.");
            }
        }
    }

    private static bool IsOfThisMachine(IPAddress address) => IPAddress.IsLoopback(address)
        || NetworkInterface.GetAllNetworkInterfaces().SelectMany(static one => one.GetIPProperties().UnicastAddresses).Any(one => one.Address.Equals(address));
}
