using System.Net;
using Grid.Server.Stores;
using Grid.Server.Telemetry;
using Grid.Silo;

namespace Grid.Server.Configuration;

/// <summary>Who the silo is and where it listens: section <c>Silo</c>.</summary>
internal sealed class SiloSettings
{
    public const string Section = "Silo";

    /// <summary>Its name in status and logs; empty for `silo-PORT`, or `HOST-PORT` where the address is not loopback.</summary>
    [Setting]
    public string Name { get; set; } = "";

    /// <summary>The cluster that it belongs to: silos and clients with another one do not talk to it.</summary>
    [Setting(Required = true, Remedy = "Give the cluster a name.")]
    public string ClusterId { get; set; } = "grid";

    /// <summary>The service: fixed for the life of what the cluster stores.</summary>
    [Setting(Required = true, Remedy = "Give the service a name, the cluster's for instance.")]
    public string ServiceId { get; set; } = "grid";

    /// <summary>The address at which other silos and clients reach it, and at which it listens: an IP address or a host name.</summary>
    [Setting]
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>Port for other silos.</summary>
    [Setting(Least = 1, Most = 65535)]
    public int SiloPort { get; set; } = 11111;

    /// <summary>Port for clients.</summary>
    [Setting(Least = 1, Most = 65535)]
    public int GatewayPort { get; set; } = 30000;

    /// <summary>What fails together with the silo (a rack, an availability zone): a shard's copies are spread over zones. Empty: the silo is a zone of its own.</summary>
    [Setting]
    public string Zone { get; set; } = "";

    /// <summary>Port for HTTP: probes of its health, metrics, the admin page; 0 for none.</summary>
    [Setting(Least = 1, Most = 65535, OrZero = true)]
    public int HttpPort { get; set; }

    /// <summary>The address at which it listens for HTTP: an IP address or a host name; empty for Silo:Address.</summary>
    [Setting]
    public string HttpAddress { get; set; } = "";

    /// <summary>
    /// How long whatever runs the silo waits after SIGTERM before it kills it, in seconds (<c>terminationGracePeriodSeconds</c>, <c>TimeoutStopSec</c>); 0 = not
    /// known. Changes nothing by itself: a silo that needs longer by its settings says so at start, and <c>grid doctor</c> does.
    /// </summary>
    [Setting(Least = 1, Most = 86_400, OrZero = true)]
    public int StopGraceSeconds { get; set; }
}

/// <summary>How silos find each other.</summary>
internal enum ClusteringProvider
{
    /// <summary>Through the first silo's memory: nothing to install, and nothing survives that silo.</summary>
    Development,

    /// <summary>Through Redis, which keeps the shard records too.</summary>
    Redis,

    /// <summary>Through a PostgreSQL database, which keeps the shard records too.</summary>
    PostgreSql,
}

/// <summary>How silos find each other: section <c>Clustering</c>.</summary>
internal sealed class ClusteringSettings
{
    public const string Section = "Clustering";

    /// <summary>What keeps the membership and the shard records.</summary>
    [Setting]
    public ClusteringProvider Provider { get; set; }

    /// <summary>With <c>Development</c>: HOST:PORT of the first silo's silo port; empty for this silo itself.</summary>
    [Setting]
    public string FirstSilo { get; set; } = "";

    /// <summary>
    /// With <c>Redis</c> as StackExchange.Redis reads it, for instance <c>redis:6379,password=...</c>; with <c>PostgreSql</c> as Npgsql does:
    /// <c>Host=db;Database=grid;Username=grid;Password=...</c>.
    /// </summary>
    [Setting(Secret = true)]
    public string ConnectionString { get; set; } = "";
}

/// <summary>All settings, read and checked.</summary>
internal sealed class ServerSettings
{
    /// <summary>What a silo has for everything at its end but the drain.</summary>
    public static readonly TimeSpan TimeAfterDrain = TimeSpan.FromSeconds(30);

    public required SiloSettings Silo { get; init; }

    public required ClusteringSettings Clustering { get; init; }

    public required TelemetrySettings Telemetry { get; init; }

    public required AdminSettings Admin { get; init; }

    public required IPAddress Address { get; init; }

    /// <summary>Where the silo listens for HTTP.</summary>
    public required IPAddress HttpAddress { get; init; }

    /// <summary>With Development: where the first silo is.</summary>
    public required IPEndPoint FirstSilo { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    public required ServerConfiguration Configuration { get; init; }

    public string Name => Silo.Name.Length > 0 ? Silo.Name : $"{(IPAddress.IsLoopback(Address) ? "silo" : Environment.MachineName)}-{Silo.SiloPort}";

    public bool IsFirst => FirstSilo.Equals(new IPEndPoint(Address, Silo.SiloPort));

    /// <summary>Sets what the section <c>Grid</c> names; its ranges are checked when the silo starts.</summary>
    public void ApplyTo(GridOptions options) => new SettingsReader(Configuration).Read(GridConstants.ConfigurationSection, options);

    /// <summary>How long the silo may take from SIGTERM to its end.</summary>
    public TimeSpan StopTimeMax => StopTime(Grid);

    /// <summary>The section <c>Grid</c>.</summary>
    public required GridOptions Grid { get; init; }

    /// <summary>How long a silo with these settings may take from SIGTERM to its end.</summary>
    public static TimeSpan StopTime(GridOptions grid) => TimeAfterDrain + TimeSpan.FromMilliseconds(grid.DrainMs);

    /// <summary>Reads and checks everything.</summary>
    /// <exception cref="CommandException">Something is wrong; the message has a line for each key that is.</exception>
    public static ServerSettings Read(ServerConfiguration configuration) => TryRead(configuration, out List<string> errors, out _) ?? throw Wrong(errors);

    /// <summary>Reads and checks everything.</summary>
    /// <param name="configuration">All layers.</param>
    /// <param name="errors">What is wrong, a line for each key.</param>
    /// <param name="warnings">What has no effect, or not the one that is meant.</param>
    /// <returns>The settings; null if anything is wrong.</returns>
    public static ServerSettings? TryRead(ServerConfiguration configuration, out List<string> errors, out List<string> warnings)
    {
        SettingsReader reader = new(configuration);
        SiloSettings silo = reader.Read(SiloSettings.Section, new SiloSettings());
        ClusteringSettings clustering = reader.Read(ClusteringSettings.Section, new ClusteringSettings());
        AdminSettings admin = reader.Read(AdminSettings.Section, new AdminSettings());
        TelemetrySettings telemetry = reader.Read(TelemetrySettings.Section, new TelemetrySettings());
        GridOptions grid = reader.Read(GridConstants.ConfigurationSection, new GridOptions());
        foreach (string section in SettingsCatalog.ForeignSections)
            reader.Know(section);
        reader.CheckSections();

        errors = reader.Errors;
        warnings = reader.Warnings;
        CheckPorts(errors, silo);
        IPAddress? address = CheckAddress(errors, silo);
        IPAddress? http = silo.HttpAddress.Length == 0 ? address : Endpoints.Resolve(silo.HttpAddress);
        if (http is null && silo.HttpAddress.Length > 0)
            errors.Add($"Silo:HttpAddress is '{silo.HttpAddress}', which is neither an IP address nor the name of a host. Leave it out to listen at Silo:Address.");
        IPEndPoint? first = address is null ? null : new IPEndPoint(address, Math.Clamp(silo.SiloPort, 1, 65535));
        if (clustering.Provider == ClusteringProvider.Development && clustering.FirstSilo.Length > 0)
        {
            first = Endpoints.Parse(clustering.FirstSilo);
            if (first is null)
                errors.Add($"Clustering:FirstSilo is '{clustering.FirstSilo}'; HOST:PORT of the first silo's silo port is expected, for instance 127.0.0.1:11111.");
        }

        CheckConnection(errors, clustering);
        if (telemetry.OtlpEndpoint.Length > 0 && !(Uri.TryCreate(telemetry.OtlpEndpoint, UriKind.Absolute, out Uri? collector) && collector.Scheme is "http" or "https"))
            errors.Add($"Telemetry:OtlpEndpoint is '{telemetry.OtlpEndpoint}'; the URL of a collector is expected, for instance http://127.0.0.1:4317.");
        if (admin.Token.Length is > 0 and < AdminSettings.TokenLengthMin)
            errors.Add($"Admin:Token has {admin.Token.Length} characters; at least {AdminSettings.TokenLengthMin} are needed, since it is all that guards the admin page's actions. Make one with 'openssl rand -hex 24'.");
        if (silo.StopGraceSeconds > 0 && StopTime(grid).TotalSeconds > silo.StopGraceSeconds)
            warnings.Add($"Silo:StopGraceSeconds is {silo.StopGraceSeconds}, but the silo may take {StopTime(grid).TotalSeconds:0} s to stop (Grid:DrainMs, and {TimeAfterDrain.TotalSeconds:0} s more): it would be killed before its shards are elsewhere. Allow it that long, or lower Grid:DrainMs.");
        if (errors.Count > 0)
            return null;
        return new ServerSettings
        {
            Silo = silo,
            Clustering = clustering,
            Telemetry = telemetry,
            Admin = admin,
            Grid = grid,
            Address = address!,
            HttpAddress = http!,
            FirstSilo = first!,
            Warnings = reader.Warnings,
            Configuration = configuration,
        };
    }

    /// <summary>The failure that lists what is wrong.</summary>
    public static CommandException Wrong(IEnumerable<string> errors) =>
        new(ExitCode.Usage, $"the configuration cannot be used:{string.Concat(errors.Select(error => $"{Environment.NewLine}  {error}"))}");

    private static void CheckPorts(List<string> errors, SiloSettings silo)
    {
        if (silo.SiloPort == silo.GatewayPort)
            errors.Add($"Silo:SiloPort and Silo:GatewayPort are both {silo.SiloPort}; they must differ.");
        if (silo.HttpPort != 0 && (silo.HttpPort == silo.SiloPort || silo.HttpPort == silo.GatewayPort))
            errors.Add($"Silo:HttpPort is {silo.HttpPort}, like another port of the silo; it must differ.");
    }

    private static IPAddress? CheckAddress(List<string> errors, SiloSettings silo)
    {
        IPAddress? address = Endpoints.Resolve(silo.Address);
        if (address is null)
            errors.Add($"Silo:Address is '{silo.Address}', which is neither an IP address nor the name of a host. It is the address at which other silos and clients reach this one.");
        else if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            errors.Add($"Silo:Address is {address}, at which nobody can reach this silo. Set it to the address by which others reach this machine.");
        return address;
    }

    private static void CheckConnection(List<string> errors, ClusteringSettings clustering)
    {
        string connection = clustering.ConnectionString;
        string? problem = clustering.Provider switch
        {
            ClusteringProvider.Redis when string.IsNullOrWhiteSpace(connection) => "is empty; with Clustering:Provider Redis it names the server, for instance 127.0.0.1:6379",
            ClusteringProvider.Redis when RedisStore.TryParse(connection) is null => "cannot be read; HOST:PORT, then settings behind commas, is expected, for instance 127.0.0.1:6379,password=...",
            ClusteringProvider.PostgreSql when string.IsNullOrWhiteSpace(connection) => "is empty; with Clustering:Provider PostgreSql it names the database, for instance Host=127.0.0.1;Database=grid;Username=grid;Password=...",
            ClusteringProvider.PostgreSql when PostgreSqlStore.TryParse(connection) is null => "cannot be read; KEY=VALUE pairs behind semicolons are expected, Host among them, for instance Host=127.0.0.1;Database=grid;Username=grid;Password=...",
            _ => null,
        };
        if (problem is not null)
            errors.Add($"Clustering:ConnectionString {problem}.");
    }
}
