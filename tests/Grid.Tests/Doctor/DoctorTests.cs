using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Grid.Client.Contracts.Operator;
using Grid.Server;
using Grid.Server.Configuration;
using Grid.Server.Doctor;
using Grid.Server.Stores;
using Grid.Silo;
using Grid.Silo.Examination;
using Xunit;
using SiloStatus = Grid.Client.Contracts.Operator.SiloStatus;

namespace Grid.Tests.Doctor;

/// <summary>Every finding of the doctor: that it is found where it is so, and not where it is not.</summary>
public sealed partial class DoctorTests
{
    private const long GiB = 1L << 30;

    private static readonly GridOptions Sound = new() { Replicas = 2, MinInSync = 1 };

    private static readonly (string Check, Severity Severity, Action<Findings> Look)[] Cases =
    [
        ("store.development", Severity.Warning, all => ConfigurationChecks.CheckSettings(Sound, ClusteringProvider.Development, 60, "", all)),
        ("replicas.none", Severity.Warning, all => Settings(new GridOptions { Replicas = 0 }, all)),
        ("replicas.mininsync", Severity.Warning, all => Settings(new GridOptions { Replicas = 2, MinInSync = 0 }, all)),
        ("replicas.mininsync", Severity.Warning, all => Settings(new GridOptions { Replicas = 1, MinInSync = 1 }, all)),
        ("drain.grace", Severity.Error, all => ConfigurationChecks.CheckSettings(Sound, ClusteringProvider.Redis, 54, "", all)),
        ("drain.grace", Severity.Note, all => ConfigurationChecks.CheckSettings(Sound, ClusteringProvider.Redis, 0, "", all)),
        ("store.unreachable", Severity.Error, all => StoreChecks.Check(Store() with { Problem = "refused" }, all)),
        ("store.replica", Severity.Error, all => StoreChecks.Check(Store() with { IsReplica = true }, all)),
        ("store.version", Severity.Warning, all => StoreChecks.Check(Store() with { Version = new Version(5, 0, 9) }, all)),
        ("store.durability", Severity.Warning, all => StoreChecks.Check(Store() with { Warnings = ["It may forget."] }, all)),
        ("store.clock", Severity.Warning, all => StoreChecks.Check(Store() with { ClockAheadMs = -1100, ClockUncertaintyMs = 50 }, all)),
        ("store.clock", Severity.Error, all => StoreChecks.Check(Store() with { ClockAheadMs = 31_000 }, all)),
        ("silo.silent", Severity.Error, all => Silos(all, Silo("a"), new SiloExamination { Silo = "b", Problem = "no answer" })),
        ("clock.silos", Severity.Warning, all => Silos(all, Silo("a"), Silo("b") with { ClockAheadMs = 600, ClockUncertaintyMs = 20 })),
        ("clock.silos", Severity.Error, all => Silos(all, Silo("a"), Silo("b") with { ClockAheadMs = -6000, ClockUncertaintyMs = 20 })),
        ("version.mix", Severity.Warning, all => Silos(all, Silo("a"), Silo("b") with { Version = "2" })),
        ("version.runtime", Severity.Warning, all => Silos(all, Silo("a"), Silo("b") with { Runtime = ".NET 11" })),
        ("settings.differ", Severity.Warning, all => Silos(all, Silo("a"), Silo("b", new GridOptions { LeaseMs = 2000 }))),
        ("memory.gc", Severity.Warning, all => Silos(all, Silo("a") with { ServerGc = false }, Silo("b"))),
        ("memory.limit", Severity.Error, all => Silos(all, Silo("a") with { HeapLimitBytes = 5 * GiB }, Silo("b"))),
        ("memory.resident", Severity.Error, all => Silos(all, Silo("a") with { ResidentBytes = 4 * GiB - 1 }, Silo("b"))),
        ("memory.full", Severity.Error, all => Silos(all, Silo("a") with { DataBytes = 2800L << 20 }, Silo("b"), Silo("c"))),
        ("memory.headroom", Severity.Warning, all => Silos(all, Silo("a") with { DataBytes = 1400L << 20 }, Silo("b"))),
        ("memory.backlog", Severity.Warning, all => Silos(all, Silo("a") with { Copies = 64 }, Silo("b"))),
        ("descriptors.full", Severity.Error, all => Silos(all, Silo("a") with { DescriptorsOpen = 60_000 }, Silo("b"))),
        ("descriptors.limit", Severity.Warning, all => Silos(all, Silo("a") with { DescriptorsMax = 1024 }, Silo("b"))),
        ("shards.unserved", Severity.Error, all => ClusterChecks.Check(Status(Shard(0) with { Primary = null, Problem = "lost" }), all)),
        ("insync.below", Severity.Warning, all => ClusterChecks.Check(Status(Shard(0) with { InSync = ["a", "b"] }), all)),
        ("insync.faulted", Severity.Error, all => ClusterChecks.Check(Status(Shard(0) with { Copies = [new CopyStatus { Shard = 0, Silo = "b", CopyId = "", State = "", Phase = "", Faulted = true, Fault = "a block's checksum differs." }] }), all)),
        ("insync.laggards", Severity.Warning, all => ClusterChecks.Check(Status(Shard(0) with { Laggards = ["b"] }), all)),
        ("replicas.silos", Severity.Error, all => ClusterChecks.Check(Status(Shard(0) with { InSync = ["a", "b"] }) with { Silos = [Member("a", "x"), Member("b", "y")] }, all)),
        ("replicas.silos", Severity.Note, all => ClusterChecks.Check(Status(Shard(0)) with { Silos = [Member("a", "x"), Member("b", "y"), Member("c", "z")] }, all)),
        ("zones.unnamed", Severity.Warning, all => ClusterChecks.Check(Status(Shard(0)) with { Silos = [Member("a", "x"), Member("b", "y"), Member("c", "z"), Member("d", "")] }, all)),
        ("zones.few", Severity.Warning, all => ClusterChecks.Check(Status(Shard(0)) with { Silos = [Member("a", "x"), Member("b", "y"), Member("c", "x"), Member("d", "y")] }, all)),
        ("zones.together", Severity.Warning, all => ClusterChecks.Check(Status(Shard(0)) with { Silos = [Member("a", "x"), Member("b", "x"), Member("c", "x"), Member("d", "y"), Member("e", "z")] }, all)),
        ("zones.uneven", Severity.Note, all => ClusterChecks.Check(Status(Shard(0)) with { Silos = [Member("a", "x"), Member("b", "y"), Member("c", "z"), Member("d", "x"), Member("e", "x")] }, all)),
    ];

    [Fact]
    public void What_is_wrong_is_found_with_what_to_change()
    {
        foreach ((string check, Severity severity, Action<Findings> look) in Cases)
        {
            Findings all = new();
            look(all);
            Finding? found = all.All.FirstOrDefault(finding => finding.Check == check);
            Assert.True(found?.Severity == severity, $"{check} is not found as {severity}, but {string.Join(", ", all.All)}.");
            Assert.EndsWith(".", found.What);
            Assert.NotEmpty(found.Change);
        }
    }

    [Fact]
    public void What_is_in_order_has_no_finding()
    {
        Findings all = new();
        ConfigurationChecks.CheckSettings(Sound, ClusteringProvider.Redis, 55, "", all);
        StoreChecks.Check(Store() with { ClockAheadMs = 1050, ClockUncertaintyMs = 51 }, all);
        Silos(all, Silo("a"), Silo("b", new GridOptions { Weight = 50 }), Silo("c") with { ClockAheadMs = 505, ClockUncertaintyMs = 6 });
        ClusterChecks.Check(Status(Shard(0), Shard(1)), all);
        Assert.Empty(all.All);
    }

    [Fact]
    public void Wrong_and_unknown_keys_are_found()
    {
        Findings all = new();
        Assert.Null(ConfigurationChecks.Check(ServerConfiguration.Load(null, new Dictionary<string, string?> { ["Grid:ShardCount"] = "0", ["Grid:Colour"] = "red" }), all));
        Assert.Contains(all.All, finding => finding is { Check: "configuration.invalid", Severity: Severity.Error } && finding.What.Contains("Grid:ShardCount is 0", StringComparison.Ordinal));
        Assert.Contains(all.All, finding => finding is { Check: "configuration.unknown", Severity: Severity.Warning } && finding.What.Contains("Grid:Colour", StringComparison.Ordinal));
    }

    [Fact]
    public void A_port_that_is_taken_and_an_address_of_others_are_found()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        Findings all = new();
        ConfigurationChecks.CheckPorts(Read(("Silo:SiloPort", $"{port}")), all);
        Assert.Contains(all.All, finding => finding is { Check: "ports.taken", Severity: Severity.Error } && finding.What.Contains("Silo:SiloPort", StringComparison.Ordinal));

        Findings elsewhere = new();
        ConfigurationChecks.CheckPorts(Read(("Silo:Address", "192.0.2.1")), elsewhere);
        Assert.Equal(("ports.address", Severity.Note), (elsewhere.All.Single().Check, elsewhere.All.Single().Severity));
    }

    [Fact]
    public void The_worst_finding_makes_the_exit_code()
    {
        AssertExit(ExitCode.Done);
        AssertExit(ExitCode.Done, Severity.Note);
        AssertExit(ExitCode.No, Severity.Warning, Severity.Note);
        AssertExit(ExitCode.Failed, Severity.Note, Severity.Error, Severity.Warning);
    }

    [Fact]
    public void Limits_of_control_groups_of_both_kinds_are_read_and_the_least_of_the_path_counts()
    {
        Dictionary<string, string> second = new() { ["/sys/fs/cgroup/a/b/memory.max"] = "max\n", ["/sys/fs/cgroup/a/memory.max"] = "1073741824\n", ["/sys/fs/cgroup/memory.max"] = "2147483648\n" };
        Assert.Equal(GiB, ProcessFacts.GroupLimit("0::/a/b\n", second.GetValueOrDefault));
        Dictionary<string, string> first = new() { ["/sys/fs/cgroup/memory/pod/memory.limit_in_bytes"] = "536870912", ["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712" };
        Assert.Equal(GiB / 2, ProcessFacts.GroupLimit("5:cpu,cpuacct:/x\n4:memory:/pod\n", first.GetValueOrDefault));
        Assert.Equal(0, ProcessFacts.GroupLimit("0::/\n", _ => null));
        Assert.Equal(1024, ProcessFacts.SoftLimit("Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 524288               files\n", "Max open files"));
    }

    /// <summary>The README lists the checks that there are, and a case here shows each.</summary>
    [Fact]
    public void Every_check_is_documented_and_shown_here()
    {
        string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Own())!, "..", "..", ".."));
        string[] inCode = [.. Directory.GetFiles(Path.Combine(root, "src", "Grid.Server", "Doctor"), "*.cs").SelectMany(file => CheckName().Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value + match.Groups[2].Value).Distinct().Order(StringComparer.Ordinal)];
        string readme = File.ReadAllText(Path.Combine(root, "src", "Grid.Server", "README.md"));
        string here = File.ReadAllText(Own());
        Assert.NotEmpty(inCode);
        Assert.All(inCode, check => Assert.Contains($"`{check}`", readme));
        Assert.All(inCode.Except(["cluster.unreachable"]), check => Assert.Contains($"\"{check}\"", here));
    }

    private static void AssertExit(int code, params Severity[] severities)
    {
        Findings all = new();
        foreach (Severity severity in severities)
            all.Add(severity, "x", "What.", "Change.");
        Assert.Equal(code, DoctorVerb.ExitCodeOf(all.All));
        Assert.Equal(severities.OrderDescending(), all.All.Select(finding => finding.Severity));
    }

    private static void Settings(GridOptions grid, Findings all) => ConfigurationChecks.CheckSettings(grid, ClusteringProvider.Redis, 60, "", all);

    private static void Silos(Findings all, params SiloExamination[] silos) => SiloChecks.Check(silos, silo => silo, all);

    private static StoreExamination Store() => new() { Name = "Redis at db:6379", Version = new Version(7, 0), Least = new Version(6, 2) };

    private static SiloExamination Silo(string name, GridOptions? settings = null) => new()
    {
        Silo = name,
        Version = "1",
        Runtime = ".NET 10",
        MemoryLimitBytes = 4 * GiB,
        HeapLimitBytes = 3 * GiB,
        ResidentBytes = GiB,
        ServerGc = true,
        DataBytes = GiB,
        LogBytes = 100L << 20,
        Copies = 20,
        DescriptorsOpen = 300,
        DescriptorsMax = 65_536,
        Settings = SiloExaminer.Texts(settings ?? new GridOptions()),
    };

    private static SiloStatus Member(string name, string zone) => new() { Address = name, Name = name, State = "Active", Zone = zone };

    private static ShardStatus Shard(int number) => new() { Shard = number, Primary = "a", InSync = ["a", "b", "c"] };

    private static ClusterStatus Status(params ShardStatus[] shards) => new()
    {
        Silos = [Member("a", "x"), Member("b", "y"), Member("c", "z"), Member("d", "x")],
        Shards = shards,
        Replicas = 2,
        Warnings = [],
    };

    private static ServerSettings Read((string Key, string Value) over) =>
        ServerSettings.Read(ServerConfiguration.Load(null, new Dictionary<string, string?> { [over.Key] = over.Value }));

    private static string Own([CallerFilePath] string path = "") => path;

    [GeneratedRegex("""(?:Note|Warn|Error|CheckSame)\("([a-z]+\.[a-z]+)"|Severity\.[A-Z][a-z]+, "([a-z]+\.[a-z]+)"(?=,)""")]
    private static partial Regex CheckName();
}
