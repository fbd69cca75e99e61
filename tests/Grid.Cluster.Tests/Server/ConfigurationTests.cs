using Grid.Server;
using Grid.Server.Configuration;
using Grid.Silo;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>What is read from where, and what is said of settings that are wrong.</summary>
public sealed class ConfigurationTests
{
    [Fact]
    public void The_command_line_overrides_the_file_and_the_file_the_defaults()
    {
        ServerSettings settings = Read("""{ "Silo": { "SiloPort": 12000, "Name": "one" }, "Grid": { "ShardCount": 32, "Replicas": 2 } }""", "Silo:Name=two", "Grid:Replicas=1");

        GridOptions grid = new();
        settings.ApplyTo(grid);
        Assert.Equal(12000, settings.Silo.SiloPort);
        Assert.Equal(30000, settings.Silo.GatewayPort);
        Assert.Equal("two", settings.Name);
        Assert.Equal(32, grid.ShardCount);
        Assert.Equal(1, grid.Replicas);
        Assert.Empty(settings.Warnings);
    }

    [Fact]
    public void The_configuration_as_committed_has_no_unknown_key_and_makes_the_first_silo()
    {
        ServerSettings settings = ServerSettings.Read(ServerConfiguration.Load(Path.Combine(AppContext.BaseDirectory, "silo.json"), new Dictionary<string, string?>()));

        Assert.Empty(settings.Warnings);
        Assert.True(settings.IsFirst);
        Assert.Equal("silo-11111", settings.Name);
    }

    [Fact]
    public void Unknown_keys_and_sections_are_warned_of_with_the_known_one_that_is_near()
    {
        ServerSettings settings = Read("""{ "Grid": { "ShardCuont": 16, "Colour": "red" }, "Cluster": { "Provider": "Redis" } }""");

        Assert.Contains(settings.Warnings, warning => warning.StartsWith("Grid:ShardCuont is not a known key", StringComparison.Ordinal) && warning.EndsWith("Did you mean Grid:ShardCount?", StringComparison.Ordinal));
        Assert.Contains(settings.Warnings, warning => warning == "Grid:Colour is not a known key and has no effect.");
        Assert.Contains(settings.Warnings, warning => warning.StartsWith("Cluster is not a known section", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Grid:ShardCount=many", "Grid:ShardCount is 'many'; a whole number is expected (from the command line).")]
    [InlineData("Grid:Compression=zip", "Grid:Compression is 'zip'; one of None, Lz4 is expected (from the command line).")]
    [InlineData("Clustering:Provider=1", "Clustering:Provider is '1'; one of Development, Redis, PostgreSql is expected (from the command line).")]
    [InlineData("Silo:SiloPort=70000", "Silo:SiloPort is 70000; it must be 1 to 65535.")]
    [InlineData("Silo:SiloPort=30000", "Silo:SiloPort and Silo:GatewayPort are both 30000")]
    [InlineData("Silo:HttpPort=30000", "Silo:HttpPort is 30000, like another port of the silo")]
    [InlineData("Silo:Address=0.0.0.0", "Silo:Address is 0.0.0.0, at which nobody can reach this silo")]
    [InlineData("Silo:Address=no host", "Silo:Address is 'no host'")]
    [InlineData("Silo:ClusterId= ", "Silo:ClusterId is empty")]
    [InlineData("Clustering:FirstSilo=here", "Clustering:FirstSilo is 'here'; HOST:PORT")]
    [InlineData("Clustering:Provider=Redis", "Clustering:ConnectionString is empty")]
    [InlineData("Clustering:Provider=Redis Clustering:ConnectionString=redis,nonsense=1", "Clustering:ConnectionString cannot be read")]
    [InlineData("Clustering:Provider=PostgreSql", "Clustering:ConnectionString is empty; with Clustering:Provider PostgreSql")]
    [InlineData("Clustering:Provider=PostgreSql Clustering:ConnectionString=Database=grid", "Host among them")]
    [InlineData("Clustering:Provider=PostgreSql Clustering:ConnectionString=Hots=h", "Clustering:ConnectionString cannot be read")]
    public void A_wrong_value_is_refused_with_its_key_and_what_is_expected(string setting, string expected)
    {
        CommandException refused = Assert.Throws<CommandException>(() => Read("{}", setting.Split(" Clustering:", 2) is [string first, string second] ? [first, "Clustering:" + second] : [setting]));

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains(expected, refused.Message);
    }

    [Fact]
    public void All_wrong_values_are_told_at_once()
    {
        CommandException refused = Assert.Throws<CommandException>(() => Read("{}", "Grid:ShardCount=x", "Silo:GatewayPort=0", "Clustering:FirstSilo=y"));

        Assert.Equal(4, refused.Message.Split(Environment.NewLine).Length);
    }

    [Fact]
    public void A_file_that_is_missing_or_no_JSON_is_named()
    {
        using TemporaryDirectory home = new();
        string path = Path.Combine(home.Sub("x"), "silo.json");
        Assert.Contains(path, Assert.Throws<CommandException>(() => ServerConfiguration.Load(path, new Dictionary<string, string?>())).Message);

        File.WriteAllText(path, "{ \"Silo\": ");
        CommandException malformed = Assert.Throws<CommandException>(() => ServerConfiguration.Load(path, new Dictionary<string, string?>()));
        Assert.Contains(path, malformed.Message);
        Assert.Equal(ExitCode.Usage, malformed.ExitCode);
    }

    [Fact]
    public void Keys_on_the_command_line_come_in_three_spellings()
    {
        Dictionary<string, string?> overrides = Overrides.Parse(["Grid:ShardCount=16"], ["--Grid:Replicas=2", "--Silo:Name", "alpha", "--Clustering:ConnectionString=redis:6379,password=a=b"]);

        Assert.Equal("16", overrides["grid:shardcount"]);
        Assert.Equal("2", overrides["Grid:Replicas"]);
        Assert.Equal("alpha", overrides["Silo:Name"]);
        Assert.Equal("redis:6379,password=a=b", overrides["Clustering:ConnectionString"]);
    }

    [Theory]
    [InlineData("extra")]
    [InlineData("--nosection=1")]
    [InlineData("--Grid:ShardCount")]
    [InlineData("--:x=1")]
    public void What_is_neither_option_nor_key_is_refused(string argument) =>
        Assert.Equal(ExitCode.Usage, Assert.Throws<CommandException>(() => Overrides.Parse([], [argument])).ExitCode);

    [Theory]
    [InlineData("get", "the key is missing")]
    [InlineData("get a --hex --raw", "two formats")]
    [InlineData("set a b --ttl soon", "no time")]
    [InlineData("set a b --ttl 0s", "not above zero")]
    [InlineData("set a b --if-absent --if-present", "two conditions")]
    [InlineData("set a b --ttl 5s --keep-ttl", "two expiries")]
    [InlineData("scan --limit 0", "no entries")]
    [InlineData("import", "the file is missing")]
    [InlineData("import x.rdb --map users", "no database")]
    [InlineData("import x.rdb --concurrency 0", "no writes")]
    [InlineData("export x.rdb --compression zip", "not a packing")]
    [InlineData("drop 1", "the silo is missing")]
    [InlineData("drain", "the silo is missing")]
    [InlineData("shard move 1", "the silo is missing")]
    [InlineData("shard accept-loss", "the shard is missing")]
    [InlineData("shard release", "the shard is missing")]
    [InlineData("bench streams --size 1", "too small")]
    [InlineData("status --timeout 0", "no time to wait")]
    [InlineData("frobnicate", "no verb")]
    public void A_wrong_command_line_is_an_error_before_anything_is_tried(string line, string why) =>
        Assert.True(GridCommand.Create().Parse(line).Errors.Count > 0, why);

    [Theory]
    [InlineData("get a -k users --json --gateway 127.0.0.1:30001")]
    [InlineData("set a - --ttl 1.5h --if-version 18446744073709551615")]
    [InlineData("import dump.rdb --map 0=users -m 3=sessions --durability primary")]
    [InlineData("export out.rdb --compression lz4 -k a -k b")]
    [InlineData("serve --config silo.json --set Grid:ShardCount=16 --Grid:Replicas=2 --silo-port 1 --gateway-port 2 --name x --first h:1")]
    [InlineData("bench --mix get=50,set=50 --size 100-10000 -c 64 --durability Primary --read-mode Primary")]
    [InlineData("digest --json --wait 30")]
    [InlineData("drain silo-1 --cancel --gateway 127.0.0.1:30001")]
    [InlineData("shard move 3 silo-1")]
    [InlineData("shard accept-loss 3 --yes")]
    public void A_right_command_line_is_none(string line) =>
        Assert.Empty(GridCommand.Create().Parse(line).Errors);

    private static ServerSettings Read(string json, params string[] overrides)
    {
        using TemporaryDirectory home = new();
        string path = Path.Combine(home.Sub("x"), "silo.json");
        File.WriteAllText(path, json);
        return ServerSettings.Read(ServerConfiguration.Load(path, Overrides.Parse(overrides, [])));
    }
}
