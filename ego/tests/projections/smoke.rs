use super::*;
use ego::consumer::State;
use ego::projection::Rebuild;
use ego::store::{MemoryStore, Store};

#[tokio::test]
async fn it_runs() {
    let store = MemoryStore::new();
    let engine = start(store.clone(), &Knobs::open()).await;
    for n in 0..10_u64 {
        place(&engine, &format!("o-{}", n % 3), "ann", n).await;
        pay(&engine, &format!("o-{}", n % 3), n).await;
    }
    let handle = engine.projection::<ByOrder>().unwrap();
    let now = std::time::Instant::now();
    loop {
        let status = handle.status().await.unwrap();
        if status.lag == 0 {
            println!("{status:?}");
            break;
        }
        assert!(now.elapsed().as_secs() < 5, "{status:?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let page = store.list_rows("view/by-order/1", &[], None, 100).await.unwrap();
    for row in &page.items {
        println!("{:?}", row);
    }
    assert_eq!(page.items.len(), 3);
    let rebuilt = handle.rebuild(Rebuild::beside()).await.unwrap();
    println!("{rebuilt:?}");
    assert!(rebuilt.same && rebuilt.swapped);
    let page = store.list_rows("view/by-order/2", &[], None, 100).await.unwrap();
    assert_eq!(page.items.len(), 3);
    for c in engine.consumers() {
        let s = c.status().await.unwrap();
        println!("{s:?}");
        assert_eq!(s.state, State::Running);
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(store.list_rows("view/by-order/1", &[], None, 100).await.unwrap().items.len(), 0);
    println!("{:?}", store.list_checkpoints().await);
    engine.stop(std::time::Duration::from_secs(1)).await.unwrap();
}
