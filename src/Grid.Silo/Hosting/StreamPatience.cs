using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;

namespace Grid.Silo.Hosting;

/// <summary>
/// How long the streams of replication wait for a consumer that acknowledges nothing follows from how long replication waits for a replica: a stream
/// that gave up first would end links within the time that replicas have.
/// </summary>
internal static class StreamPatience
{
    /// <summary>The largest <see cref="GridOptions.ReplicaTimeoutMs"/>, in milliseconds: a quarter more is still below the 30 s after which Orleans takes a call for failed.</summary>
    public const int ReplicaTimeoutMsMax = 20_000;

    /// <summary>Has <see cref="GridStreamOptions.DeliveryTimeMax"/> follow the silo's settings, also when they change; it is never less than the host says.</summary>
    public static void AddTo(IServiceCollection services) => services.AddOptions<GridStreamOptions>(GridConstants.StreamProvider).PostConfigure<GridSettings>(static (streams, settings) =>
    {
        TimeSpan least = streams.DeliveryTimeMax;
        Follow(settings.Current);
        settings.Changed += Follow;

        void Follow(GridOptions options) => streams.DeliveryTimeMax = For(options.ReplicaTimeoutMs, least);
    });

    /// <summary>A quarter more than a replica has, and not less than <paramref name="least"/>.</summary>
    private static TimeSpan For(int replicaTimeoutMs, TimeSpan least)
    {
        TimeSpan patience = TimeSpan.FromMilliseconds(replicaTimeoutMs * 1.25);
        return patience > least ? patience : least;
    }
}
