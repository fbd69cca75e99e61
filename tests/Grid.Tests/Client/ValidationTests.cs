using Grid.Client;
using Grid.Client.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>What is out of its limits is refused at once, by a message that names it, and nothing is sent.</summary>
public sealed class ValidationTests
{
    private readonly SimulatedCluster _cluster = new(seed: 1);

    private IKeyspace Keyspace => _cluster.Grid.GetKeyspace("k");

    public static TheoryData<string, Action<IKeyspace>> Wrong => new()
    {
        { "empty", k => k.GetAsync([]) },
        { "65537", k => k.GetAsync(new byte[65_537]) },
        { "67108865", k => k.SetAsync("a"u8, new byte[(64 * 1024 * 1024) + 1]) },
        { "Durability", k => k.SetAsync("a"u8, "b"u8, default, new CallOptions { Durability = (Durability)2 }) },
        { "ReadMode", k => k.GetAsync("a"u8, new CallOptions { ReadMode = (ReadMode)9 }) },
        { "Timeout", k => k.GetAsync("a"u8, new CallOptions { Timeout = TimeSpan.Zero }) },
        { "Timeout", k => k.GetAsync("a"u8, new CallOptions { Timeout = TimeSpan.FromDays(2) }) },
        { "TimeToLive", k => k.SetAsync("a"u8, "b"u8, SetOptions.ExpireAfter(TimeSpan.Zero)) },
        { "TimeToLive", k => k.SetAsync("a"u8, "b"u8, SetOptions.ExpireAfter(TimeSpan.FromSeconds(-1))) },
        { "TimeToLive", k => k.SetAsync("a"u8, "b"u8, SetOptions.ExpireAfter(TimeSpan.FromDays(40_000))) },
        { "timeToLive", k => k.ExpireAsync("a"u8, TimeSpan.Zero) },
        { "timeToLive", k => k.IncrementAsync("a"u8, 1, TimeSpan.FromSeconds(-1)) },
        { "KeepTimeToLive", k => k.SetAsync("a"u8, "b"u8, new SetOptions { KeepTimeToLive = true, TimeToLive = TimeSpan.FromSeconds(1) }) },
        { "When", k => k.SetAsync("a"u8, "b"u8, new SetOptions { When = (SetWhen)7 }) },
        { "Version", k => k.SetAsync("a"u8, "b"u8, new SetOptions { When = SetWhen.Version }) },
        { "Version", k => k.SetAsync("a"u8, "b"u8, new SetOptions { Version = 5 }) },
        { "version", k => k.DeleteIfVersionAsync("a"u8, 0) },
        { "empty", k => k.GetManyAsync([new byte[] { 1 }, default]) },
        { "keys", k => k.GetManyAsync(new ReadOnlyMemory<byte>[1_000_001]) },
        { "PageEntries", k => k.ScanAsync(new ScanOptions { PageEntries = -1 }) },
        { "PageBytes", k => k.ScanAsync(new ScanOptions { PageBytes = 10 }) },
        { "prefix", k => k.ScanAsync(new ScanOptions { Prefix = new byte[70_000] }) },
    };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void A_call_out_of_its_limits_is_refused_before_anything_is_sent(string named, Action<IKeyspace> call)
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => call(Keyspace));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        _cluster.Run(1000);
        Assert.Equal(0, _cluster.Calls);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData(".a")]
    [InlineData("ä")]
    [InlineData("a/b")]
    public void A_keyspace_has_a_sane_name(string name) => Assert.Throws<ArgumentException>(() => _cluster.Grid.GetKeyspace(name));

    [Fact]
    public void A_keyspaces_name_has_at_most_128_characters()
    {
        Assert.Equal(new string('x', 128), _cluster.Grid.GetKeyspace(new string('x', 128)).Name);
        Assert.Throws<ArgumentException>(() => _cluster.Grid.GetKeyspace(new string('x', 129)));
    }

    [Fact]
    public void A_keyspaces_options_are_checked()
    {
        Assert.ThrowsAny<ArgumentException>(() => _cluster.Grid.GetKeyspace("k", new KeyspaceOptions { Durability = (Durability)5 }));
        Assert.ThrowsAny<ArgumentException>(() => _cluster.Grid.GetKeyspace("k", new KeyspaceOptions { ReadMode = (ReadMode)5 }));
        Assert.ThrowsAny<ArgumentException>(() => _cluster.Grid.GetKeyspace("k", new KeyspaceOptions { TimeToLive = TimeSpan.Zero }));
        Assert.ThrowsAny<ArgumentException>(() => _cluster.Grid.GetKeyspace("k", new KeyspaceOptions { Timeout = TimeSpan.Zero }));
    }

    [Theory]
    [InlineData(nameof(GridClientOptions.Timeout))]
    [InlineData(nameof(GridClientOptions.Durability))]
    [InlineData(nameof(GridClientOptions.ReadMode))]
    [InlineData(nameof(GridClientOptions.BatchesInFlightMax))]
    [InlineData(nameof(GridClientOptions.BatchOperationsMin))]
    [InlineData(nameof(GridClientOptions.BatchOperationsMax))]
    [InlineData(nameof(GridClientOptions.BatchBytesMax))]
    [InlineData(nameof(GridClientOptions.LargeOperationBytes))]
    [InlineData(nameof(GridClientOptions.OperationsOutstandingMax))]
    [InlineData(nameof(GridClientOptions.BytesOutstandingMax))]
    [InlineData(nameof(GridClientOptions.OperationsWaitingMax))]
    [InlineData(nameof(GridClientOptions.RetryDelayMin))]
    [InlineData(nameof(GridClientOptions.RetryDelayMax))]
    [InlineData(nameof(GridClientOptions.ResendAfter))]
    public void Client_options_are_checked_one_by_one(string option)
    {
        GridClientOptions options = new();
        GridClientOptionsValidator validator = new();
        Assert.True(validator.Validate(null, options).Succeeded);
        System.Reflection.PropertyInfo property = typeof(GridClientOptions).GetProperty(option)!;
        property.SetValue(options, property.PropertyType == typeof(TimeSpan) ? TimeSpan.FromDays(400) : Negative(property.PropertyType));
        ValidateOptionsResult result = validator.Validate(null, options);
        Assert.Contains($".{option} is", result.FailureMessage, StringComparison.Ordinal);
    }

    private static object Negative(Type type) => type.IsEnum ? Enum.ToObject(type, -1) : Convert.ChangeType(-1, type);
}
