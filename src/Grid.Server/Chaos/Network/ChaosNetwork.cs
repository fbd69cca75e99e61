using System.Globalization;
using System.Net;

namespace Grid.Server.Chaos.Network;

/// <summary>
/// Network namespaces of a run's own, joined by a bridge in one of them: the record store's and the clients', and one for each silo. Linux, root
/// and the program <c>ip</c> are needed. Nothing of it is in the machine's own namespace, and what was made is taken away again.
/// </summary>
/// <remarks>
/// A cut is made where a packet arrives, by a rule that drops what comes from an address: to the one who sends it looks as if the other had
/// vanished, as it does when a cable is pulled. (A rule where it is sent would tell the sender at once.)
/// </remarks>
internal sealed class ChaosNetwork : IAsyncDisposable
{
    private const string Prefix = "gridc";
    private const string Hub = "hub";
    private const string Clients = "cli";
    private const string Bridge = "grid0";
    private const string Interface = "grid1";

    private readonly string _id;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<(int From, int To), int> _cuts = [];

    private ChaosNetwork(string id, int silos)
    {
        _id = id;
        Silos = silos;
    }

    /// <summary>Who can be cut off beside silos: the redis-server.</summary>
    public const int Store = -1;

    /// <summary>How many silos there are.</summary>
    public int Silos { get; }

    /// <summary>What names the network on a command line.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{_id}/{Silos}");

    /// <summary>Where the redis-server listens.</summary>
    public static IPAddress StoreAddress => AddressOf(Store);

    /// <summary>The command that runs something where the clients are.</summary>
    public string[] WithinClients => Within(SpaceOf(Clients));

    /// <summary>The command that runs something where the redis-server is.</summary>
    public string[] WithinStore => Within(SpaceOf(Hub));

    /// <summary>The address of a silo.</summary>
    public static IPAddress AddressOf(int silo) => IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"10.198.73.{silo + 10}"));

    /// <summary>The command that runs something where a silo is.</summary>
    public string[] WithinSilo(int silo) => Within(SpaceOf(silo));

    /// <summary>Why namespaces cannot be made here; null if they can.</summary>
    public static async Task<string?> FindObstacleAsync()
    {
        if (!OperatingSystem.IsLinux())
            return "chaos needs the network namespaces of Linux";
        if (!Environment.IsPrivilegedProcess)
            return "chaos makes network namespaces, which takes root";
        try
        {
            string probe = $"{Prefix}{Environment.ProcessId:x}-probe";
            await ProgramRun.RunAsync(true, "ip", "netns", "add", probe);
            await ProgramRun.RunAsync(true, "ip", "netns", "del", probe);
            return null;
        }
        catch (CommandException failure)
        {
            return $"network namespaces cannot be made here: {failure.Message}";
        }
    }

    /// <summary>Makes the namespaces, and takes away what runs that were killed have left.</summary>
    /// <exception cref="CommandException">They cannot be made.</exception>
    public static async Task<ChaosNetwork> CreateAsync(int silos)
    {
        if (await FindObstacleAsync() is { } obstacle)
            throw new CommandException(ExitCode.Usage, $"{obstacle}.");
        await RemoveLeftoversAsync();
        ChaosNetwork network = new(Environment.ProcessId.ToString("x", CultureInfo.InvariantCulture), silos);
        try
        {
            await network.MakeAsync();
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>The network that another process of the run has made.</summary>
    public static ChaosNetwork Attach(string name) =>
        name.Split('/') is [string id, string silos] ? new ChaosNetwork(id, int.Parse(silos, CultureInfo.InvariantCulture)) : throw new CommandException(ExitCode.Usage, $"'{name}' names no network of a run.");

    /// <summary>From now on nothing that <paramref name="from"/> sends reaches <paramref name="to"/>. Several cuts of one way end with the last of them.</summary>
    public async Task CutAsync(int from, int to)
    {
        await _gate.WaitAsync();
        try
        {
            if ((_cuts[(from, to)] = _cuts.GetValueOrDefault((from, to)) + 1) == 1)
                await Ip("-n", SpaceOf(to), "rule", "add", "from", $"{AddressOf(from)}", "blackhole", "priority", "10");
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends a cut.</summary>
    public async Task MendAsync(int from, int to)
    {
        await _gate.WaitAsync();
        try
        {
            if (_cuts.TryGetValue((from, to), out int count) && (_cuts[(from, to)] = Math.Max(0, count - 1)) == 0 && count > 0)
                await Ip("-n", SpaceOf(to), "rule", "del", "from", $"{AddressOf(from)}", "priority", "10");
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends what still runs in the namespaces, and takes them away, with their interfaces.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (string space in Spaces())
            await RemoveAsync(space);
        _gate.Dispose();
    }

    private async Task MakeAsync()
    {
        foreach (string space in Spaces())
        {
            await Ip("netns", "add", space);
            await Ip("-n", space, "link", "set", "lo", "up");

            // What is for an address of one's own is taken before any rule is asked, unless the rule that says so comes later.
            await Ip("-n", space, "rule", "add", "priority", "100", "lookup", "local");
            await Ip("-n", space, "rule", "del", "priority", "0");
        }

        string hub = SpaceOf(Hub);
        await Ip("-n", hub, "link", "add", Bridge, "type", "bridge");
        await Ip("-n", hub, "addr", "add", $"{StoreAddress}/24", "dev", Bridge);
        await Ip("-n", hub, "link", "set", Bridge, "up");
        await JoinAsync(SpaceOf(Clients), "c", AddressOf(-2));
        for (int silo = 0; silo < Silos; silo++)
            await JoinAsync(SpaceOf(silo), string.Create(CultureInfo.InvariantCulture, $"s{silo}"), AddressOf(silo));
    }

    private async Task JoinAsync(string space, string port, IPAddress address)
    {
        string hub = SpaceOf(Hub);
        await Ip("-n", hub, "link", "add", port, "type", "veth", "peer", "name", Interface, "netns", space);
        await Ip("-n", hub, "link", "set", port, "master", Bridge, "up");
        await Ip("-n", space, "addr", "add", $"{address}/24", "dev", Interface);
        await Ip("-n", space, "link", "set", Interface, "up");
    }

    private string[] Spaces() => [.. Enumerable.Range(0, Silos).Select(SpaceOf), SpaceOf(Clients), SpaceOf(Hub)];

    private string SpaceOf(int silo) => silo == Store ? SpaceOf(Hub) : SpaceOf(string.Create(CultureInfo.InvariantCulture, $"s{silo}"));

    private string SpaceOf(string part) => $"{Prefix}{_id}-{part}";

    /// <summary>A run that was killed outright could take nothing away; its process is gone.</summary>
    private static async Task RemoveLeftoversAsync()
    {
        foreach (string line in (await ProgramRun.RunAsync(true, "ip", "netns", "list")).Split('\n'))
        {
            string space = line.Split(' ')[0];
            int dash = space.IndexOf('-', StringComparison.Ordinal);
            if (space.StartsWith(Prefix, StringComparison.Ordinal) && dash > 0
                && int.TryParse(space.AsSpan(Prefix.Length, dash - Prefix.Length), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int process)
                && !Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}")))
            {
                await RemoveAsync(space);
            }
        }
    }

    private static async Task RemoveAsync(string space)
    {
        foreach (string process in (await ProgramRun.RunAsync(false, "ip", "netns", "pids", space)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            await ProgramRun.RunAsync(false, "kill", "-9", process);
        await ProgramRun.RunAsync(false, "ip", "netns", "del", space);
    }

    private static string[] Within(string space) => ["ip", "netns", "exec", space];

    private static Task<string> Ip(params string[] arguments) => ProgramRun.RunAsync(true, ["ip", .. arguments]);
}
