using Grid.Client.Contracts;
using Orleans.Concurrency;

namespace Grid.Silo.Fronts;

/// <summary>The silo's front towards clients: whichever silo a call comes in at, it is that silo's.</summary>
[StatelessWorker, Reentrant, GrainType("grid-front")]
internal sealed class FrontGrain(SiloFront front, SiloTransport transport, ReignMap reigns) : Grain, IFrontGrain
{
    public ValueTask<FrontInfo> DescribeAsync() => new(reigns.Describe());

    public ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        return front.ExecuteAsync(bundle, transport.Relay);
    }

    public ValueTask<BatchBundle> CollectAsync(long ticket) => front.CollectAsync(ticket);
}
